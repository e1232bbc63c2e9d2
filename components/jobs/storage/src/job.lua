-- Reads a job and counts its toons. What it costs does not grow with their
-- results: these know how many they are, and of failures a bit each is counted.
--
-- KEYS  1 job   2 results   3 bitmap of failed toons
--
-- Gives  nothing where there is no such job, else: owner, total, fingerprint,
--        submitted, started ('' if not yet) and updated, ms since the Unix
--        epoch, number of toons finished, number of those that failed

local function read_job()
  local job = redis.call('HMGET', KEYS[1], 'owner', 'total', 'fingerprint', 'submitted', 'started', 'updated')
  if not job[1] then return {} end
  job[5] = job[5] or ''
  job[7] = redis.call('HLEN', KEYS[2])
  job[8] = redis.call('BITCOUNT', KEYS[3])
  return job
end

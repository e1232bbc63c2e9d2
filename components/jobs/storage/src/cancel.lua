-- Cancels a job that has not ended: no worker begins with its toons from now on.
--
-- KEYS  1 job   2 its results   3 the messages of its toons, if it has not begun
--       4.. its other keys, which expire with it
-- ARGV  1 run of the job   2 now, ms since the Unix epoch
--       3 time until it expires, ms; '' for never
--
-- Reply  'canceled', also if it was before | 'ended' | 'unknown'

local job = KEYS[1]
if redis.call('HGET', job, 'run') ~= ARGV[1] then return { 'unknown' } end
if redis.call('HEXISTS', job, 'canceled') == 1 then return { 'canceled' } end
if redis.call('HLEN', KEYS[2]) >= tonumber(redis.call('HGET', job, 'total')) then return { 'ended' } end

redis.call('HSET', job, 'canceled', ARGV[2], 'updated', ARGV[2])
redis.call('HDEL', job, 'scheduled')
redis.call('DEL', KEYS[3])
if ARGV[3] ~= '' then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
end
return { 'canceled' }

-- Shared by the scripts after it: the effects of a change, which are the words
-- of Redis commands or one of two of our own:
--   ALARM <ms>     makes sure that somebody looks at the queue in that time
--   COUNT <name>   counts in the queue's statistics

local function arm(alarm, ms)
  local left = redis.call('PTTL', alarm)
  if left < 0 or left > ms then redis.call('SET', alarm, '', 'PX', ms) end
end

-- Fields of hashes are set together at the end: one command for all of a batch
-- costs less, here and in the append-only file. So are expiries, for a key has to
-- be there to be given one.
local hashes, expiries = {}, {}

-- Applies the effect that starts at `at` (its number of words, then the words).
-- Returns where the next one starts.
local function apply(at, alarm, stats)
  local last = at + tonumber(ARGV[at])
  local command = ARGV[at + 1]
  if command == 'ALARM' then
    arm(alarm, tonumber(ARGV[last]))
  elseif command == 'COUNT' then
    redis.call('HINCRBY', stats, ARGV[last], 1)
  elseif command == 'HSET' then
    local words = hashes[ARGV[at + 2]] or {}
    for i = at + 3, last do words[#words + 1] = ARGV[i] end
    hashes[ARGV[at + 2]] = words
  elseif command == 'PEXPIRE' then
    expiries[ARGV[at + 2]] = ARGV[last]
  elseif command ~= 'SETBIT' or redis.call('GETBIT', ARGV[at + 2], ARGV[at + 3]) ~= tonumber(ARGV[last]) then
    -- A bit that is as it should be is not written again.
    redis.call(unpack(ARGV, at + 1, last))
  end
  return last + 1
end

-- To be called when all effects have been applied.
local function flush()
  for key, words in pairs(hashes) do
    for at = 1, #words, 1000 do
      redis.call('HSET', key, unpack(words, at, math.min(at + 999, #words)))
    end
  end
  for key, ms in pairs(expiries) do redis.call('PEXPIRE', key, ms) end
end

-- Rings for a worker, unless the bell rings already. An empty channel says that
-- the caller rings. Returns whether it was rung.
local function ring(bell, channel, ms)
  if not redis.call('SET', bell, '', 'NX', 'PX', ms) then return 0 end
  if channel ~= '' and redis.call('PUBLISH', channel, '') == 0 then
    -- Nobody is listening yet: the next one may ring at once.
    redis.call('DEL', bell)
  end
  return 1
end

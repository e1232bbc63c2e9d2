-- Shared by the scripts after it: the effects of a change, which are the words
-- of Redis commands or one of two of our own:
--   ALARM <ms>     makes sure that somebody looks at the queue in that time
--   COUNT <name>   counts in the queue's statistics

local function arm(alarm, ms)
  local left = redis.call('PTTL', alarm)
  if left < 0 or left > ms then redis.call('SET', alarm, '', 'PX', ms) end
end

-- Applies the effect that starts at `at` (its number of words, then the words).
-- Returns where the next one starts.
local function apply(at, alarm, stats)
  local last = at + tonumber(ARGV[at])
  local command = ARGV[at + 1]
  if command == 'ALARM' then
    arm(alarm, tonumber(ARGV[last]))
  elseif command == 'COUNT' then
    redis.call('HINCRBY', stats, ARGV[last], 1)
  else
    redis.call(unpack(ARGV, at + 1, last))
  end
  return last + 1
end

-- Rings for a worker, unless the bell rings already. An empty channel says that
-- the caller rings. Returns whether it was rung.
local function ring(bell, channel, ms)
  if not redis.call('SET', bell, '', 'NX', 'PX', ms) then return 0 end
  if channel ~= '' then redis.call('PUBLISH', channel, '') end
  return 1
end

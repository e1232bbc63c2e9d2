-- Shared by the scripts after it: how messages get on queues, and workers to them.
--
-- A queue is known by what its keys start with, `{group}rest:queue:`. Queues of
-- one group share a hash tag, so one script may change them all; keys that
-- follow from that start or lie in a line are not in KEYS.

-- How long a bell rings before it may be rung again. A worker that hears it
-- clears it at once; only a bell that nobody heard lasts this long.
local BELL_MS = 5000
-- When to look after a publish whether its messages are done: it recovers a
-- bell that nobody heard.
local ALARM_MS = 10000
-- The spare alarms, and how long after the alarm they go off: for listeners that were
-- away for a moment, and for those that were away for longer.
local SPARE_MS = { ['alarm:2'] = 15000, ['alarm:3'] = 300000 }

-- What the keys of the queue that has this stream start with.
local function queue_of(stream) return string.sub(stream, 1, -7) end

local function name_of(queue) return (string.gsub(string.sub(queue, 1, -8), '[{}]', '')) end

-- The time in ms since the Unix epoch.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Has the queue looked after in so many ms, if it is not sooner. An alarm that goes
-- off while nobody listens, or whose listener fails, is lost: others follow it.
local function arm(queue, ms)
  ms = math.max(math.ceil(ms), 1)
  local left = redis.call('PTTL', queue .. 'alarm')
  if left >= 0 and left <= ms then return end
  redis.call('SET', queue .. 'alarm', '', 'PX', ms)
  for spare, later in pairs(SPARE_MS) do redis.call('SET', queue .. spare, '', 'PX', ms + later) end
end

-- Nobody needs to look after the queue any more.
local function disarm(queue)
  local alarms = { queue .. 'alarm' }
  for spare in pairs(SPARE_MS) do alarms[#alarms + 1] = queue .. spare end
  redis.call('DEL', unpack(alarms))
end

-- Calls a worker on one of the queue's channels, unless one has been called there
-- within so many ms; `by` says who does it, 'redis' or 'caller'. Returns whether one
-- was called.
local function call_worker(queue, channel, ms, by)
  if not redis.call('SET', queue .. channel, '', 'NX', 'PX', ms) then return false end
  if by == 'redis' and redis.call('PUBLISH', 'orilla:' .. name_of(queue) .. ':' .. channel, '') == 0 then
    -- Nobody is listening yet: the next one may call at once.
    redis.call('DEL', queue .. channel)
  end
  return true
end

-- Rings for a worker, unless the bell rings already.
local function ring(queue, by) return call_worker(queue, 'bell', BELL_MS, by) end

-- Puts a message that failed so often on a queue's stream.
local function deliver(queue, message, failures, line)
  if line == '' then
    redis.call('XADD', queue .. 'stream', '*', 'm', message, 'f', failures)
  else
    redis.call('XADD', queue .. 'stream', '*', 'm', message, 'f', failures, 'l', line)
  end
end

-- Lines: messages that are delivered one after the other. A line is a list. Its
-- head stands for the message that is on a queue, '' or, of a dead letter,
-- `<queue>/<id of the letter>`; after it wait messages, as `<queue> <message>` or,
-- of one that failed before, `<queue>|<failures> <message>`, which the statistics of
-- their queues count as held.

-- Puts a message at the end of a line. Returns whether it is the first and has
-- to be delivered now.
local function join(line, queue, message, failures)
  if redis.call('EXISTS', line) == 0 then
    redis.call('RPUSH', line, '')
    return true
  end
  local name = queue
  if failures > 0 then name = queue .. '|' .. failures end
  redis.call('RPUSH', line, name .. ' ' .. message)
  redis.call('HINCRBY', queue .. 'stats', 'held', 1)
  return false
end

-- Says what has become of the head of a line.
local function mark(line, head)
  if redis.call('EXISTS', line) == 1 then
    redis.call('LSET', line, 0, head)
  else
    redis.call('RPUSH', line, head)
  end
end

-- Whether the head of a line is this dead letter. If not, somebody took the line
-- away, and it has gone on without the letter.
local function is_held_by(line, queue, letter)
  return line ~= '' and redis.call('LINDEX', line, 0) == name_of(queue) .. '/' .. letter
end

-- Takes the head off a line and delivers the next message. Returns the queue
-- that it is on, or nil at the end of the line.
local function release(line)
  redis.call('LPOP', line)
  local waiting = redis.call('LINDEX', line, 0)
  if not waiting then return nil end
  local queue, failures, message = string.match(waiting, '^([^%s|]+)|?(%d*) (.*)$')
  mark(line, '')
  redis.call('HINCRBY', queue .. 'stats', 'held', -1)
  deliver(queue, message, tonumber(failures) or 0, line)
  return queue
end

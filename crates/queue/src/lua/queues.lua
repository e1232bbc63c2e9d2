-- Shared by the scripts after it: how messages get on queues, and workers to them.
--
-- `queue` is the start of a queue's keys, `{tag}rest:queue:`. Queues of one hash tag
-- lie on one node of a cluster, so one script may change them all. Keys that are
-- made of that start, or stand in a message group, are not in KEYS.

-- How long a notification holds back the next one. The worker that gets it clears
-- the key at once, so only a lost notification holds back others for this long.
local NOTIFIED_MS = 5000
-- How long after a publish the timer goes off: it makes up for a lost notification.
local TIMER_MS = 10000
-- Keys of the fallback timers, and how long after the timer they go off: one for
-- listeners that are away for a moment, one for those that are away for longer.
local FALLBACK_MS = { ['alarm:2'] = 15000, ['alarm:3'] = 300000 }

-- The start of the keys of the queue that has this stream.
local function queue_of(stream) return string.sub(stream, 1, -7) end

local function name_of(queue) return (string.gsub(string.sub(queue, 1, -8), '[{}]', '')) end

-- The time in ms since the Unix epoch.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The minutes for which the counts of each minute are kept, this one included.
local MINUTES = 60

-- Adds to a count of a queue, since it is in use and in this minute. A field of the hash
-- of minutes is `<minutes since the Unix epoch>:<count>`.
local function count(queue, name, amount)
  redis.call('HINCRBY', queue .. 'stats', name, amount)
  local minutes, minute = queue .. 'minutes', math.floor(now_ms() / 60000)
  if redis.call('HINCRBY', minutes, minute .. ':' .. name, amount) > amount then return end
  for _, field in ipairs(redis.call('HKEYS', minutes)) do
    if tonumber(string.match(field, '^%d+')) <= minute - MINUTES then redis.call('HDEL', minutes, field) end
  end
  redis.call('PEXPIRE', minutes, MINUTES * 60000)
end

-- Sets the queue's timer, unless it goes off sooner than in `ms` anyway. The fallback
-- timers follow it, for it is lost where no component listens or the listener fails.
local function arm(queue, ms)
  ms = math.max(math.ceil(ms), 1)
  local left = redis.call('PTTL', queue .. 'alarm')
  if left >= 0 and left <= ms then return end
  redis.call('SET', queue .. 'alarm', '', 'PX', ms)
  for timer, later in pairs(FALLBACK_MS) do redis.call('SET', queue .. timer, '', 'PX', ms + later) end
end

-- Removes the queue's timers.
local function disarm(queue)
  local timers = { queue .. 'alarm' }
  for timer in pairs(FALLBACK_MS) do timers[#timers + 1] = queue .. timer end
  redis.call('DEL', unpack(timers))
end

-- Calls a worker on one of the queue's channels, unless one was called there within the last
-- `ms`. `by` is the notifier: 'redis' publishes here, 'caller' does it after the script.
-- Returns whether a worker is called.
local function call_worker(queue, channel, ms, by)
  if not redis.call('SET', queue .. channel, '', 'NX', 'PX', ms) then return false end
  if by == 'redis' and redis.call('PUBLISH', 'orilla:' .. name_of(queue) .. ':' .. channel, '') == 0 then
    -- No worker listens yet: the next call may be made at once.
    redis.call('DEL', queue .. channel)
  end
  return true
end

-- Whether workers claim nothing of a queue, by an operator's will.
local function is_paused(queue) return redis.call('EXISTS', queue .. 'paused') == 1 end

-- Notifies a worker, unless a notification is under way or the queue is paused. Returns
-- whether it does.
local function notify(queue, by) return not is_paused(queue) and call_worker(queue, 'bell', NOTIFIED_MS, by) end

-- Puts a message that failed `failures` times on a queue's stream. Returns the id of
-- its entry.
local function deliver(queue, message, failures, group)
  if group == '' then
    return redis.call('XADD', queue .. 'stream', '*', 'm', message, 'f', failures)
  end
  return redis.call('XADD', queue .. 'stream', '*', 'm', message, 'f', failures, 'l', group)
end

-- Messages of schedules: the hash `scheduled` of a queue has for each schedule where its
-- last message is: the id of its entry in the stream or, of a delayed one, its entry
-- there, which has a `|`.

-- Notes that a message went from one place to another, if it is one of a schedule.
local function follow(queue, from, to)
  local places = redis.call('HGETALL', queue .. 'scheduled')
  for i = 1, #places, 2 do
    if places[i + 1] == from then redis.call('HSET', queue .. 'scheduled', places[i], to) end
  end
end

-- Message groups: messages that are delivered one after the other. A group is a list.
-- Its head stands for the message that is on a queue: '' or, of a dead letter,
-- `<name of the queue>/<id of the letter>`. The messages after it wait, each as
-- `<queue> <message>` or, if it failed before, `<queue>|<failures> <message>`; the
-- statistics of their queues count them as held.

-- Adds a message to the end of a group. Returns whether it is the first one and is
-- to be delivered now.
local function join(group, queue, message, failures)
  if redis.call('EXISTS', group) == 0 then
    redis.call('RPUSH', group, '')
    return true
  end
  local name = queue
  if failures > 0 then name = queue .. '|' .. failures end
  redis.call('RPUSH', group, name .. ' ' .. message)
  redis.call('HINCRBY', queue .. 'stats', 'held', 1)
  return false
end

-- Sets the head of a group.
local function mark(group, head)
  if redis.call('EXISTS', group) == 1 then
    redis.call('LSET', group, 0, head)
  else
    redis.call('RPUSH', group, head)
  end
end

-- Whether the head of a group is this dead letter. It is another one if an operator
-- deleted the list, so that the group went on without the letter.
local function is_held_by(group, queue, letter)
  return group ~= '' and redis.call('LINDEX', group, 0) == name_of(queue) .. '/' .. letter
end

-- Removes the head of a group and delivers the next message. Returns that message's
-- queue, or nil if no message waits.
local function release(group)
  redis.call('LPOP', group)
  local waiting = redis.call('LINDEX', group, 0)
  if not waiting then return nil end
  local queue, failures, message = string.match(waiting, '^([^%s|]+)|?(%d*) (.*)$')
  mark(group, '')
  redis.call('HINCRBY', queue .. 'stats', 'held', -1)
  deliver(queue, message, tonumber(failures) or 0, group)
  return queue
end

-- What an alarm does: makes delayed messages ready whose time has come, rings
-- for a worker if anything waits, and sets the next alarm.
--
-- KEYS  1 stream   2 bell   3 alarm   4 delayed
-- ARGV  1 channel of the bell, '' where the caller rings   2 life of a ringing bell, ms
--       3 alarm while messages wait, ms
--
-- Reply  number of messages in the stream, number of those delayed, 1 if the
--        bell was rung

local stream, bell, alarm, delayed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, bell_ms, alarm_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- First, because it is allowed in a Redis whose memory is full, and lets the
-- rest be written there, too: an alarm that is not set again wakes nobody.
redis.call('DEL', alarm)
local now = promote(stream, delayed, 1000)

local waiting = redis.call('XLEN', stream)
local next_alarm, rang = nil, 0
if waiting > 0 then
  next_alarm = alarm_ms
  rang = ring(bell, channel, bell_ms)
end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then
  local due = math.max(tonumber(first[2]) - now, 1)
  if not next_alarm or due < next_alarm then next_alarm = due end
end
if next_alarm then redis.call('SET', alarm, '', 'PX', math.ceil(next_alarm)) end
return { waiting, redis.call('ZCARD', delayed), rang }

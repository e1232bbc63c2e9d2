-- What an alarm does: makes delayed messages ready whose time has come, rings
-- for a worker if anything waits, and sets the next alarm.
--
-- KEYS  1 stream   2 bell   3 alarm   4 delayed
-- ARGV  1 who rings, 'redis' or 'caller'
--
-- Reply  number of messages in the stream, number of those delayed, and the
--        name of the queue if it was rung for

local stream, delayed = KEYS[1], KEYS[4]
local queue = queue_of(stream)

-- First, because it is allowed in a Redis whose memory is full, and lets the
-- rest be written there, too: an alarm that is not set again wakes nobody.
disarm(queue)
local now = promote(queue, 1000)

local reply = { redis.call('XLEN', stream), redis.call('ZCARD', delayed) }
if reply[1] > 0 then
  arm(queue, ALARM_MS)
  if ring(queue, ARGV[1]) then reply[3] = name_of(queue) end
end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then arm(queue, tonumber(first[2]) - now) end
return reply

-- Handles a timer that went off: makes delayed messages ready whose time has come,
-- notifies a worker if a message waits, and sets the next timer.
--
-- KEYS  1 stream   2 bell   3 alarm   4 delayed
-- ARGV  1 notifier of workers, 'redis' or 'caller'
--
-- Reply  number of messages in the stream, number of delayed messages, and the
--        name of the queue if its workers were notified

local stream, delayed = KEYS[1], KEYS[4]
local queue = queue_of(stream)

-- First: a Redis whose memory is full allows DEL, and the memory that it frees
-- lets the next timer be set.
disarm(queue)
local now = promote(queue, 1000)

local reply = { redis.call('XLEN', stream), redis.call('ZCARD', delayed) }
if reply[1] > 0 and not is_paused(queue) then
  arm(queue, TIMER_MS)
  if notify(queue, ARGV[1]) then reply[3] = name_of(queue) end
end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then arm(queue, tonumber(first[2]) - now) end
return reply

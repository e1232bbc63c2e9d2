-- Counts the messages of a queue: those on it now, and those of the past.
--
-- KEYS  1 stream   2 delayed   3 dead   4 stats   5 paused
-- ARGV  1 consumer group
--
-- Reply  messages that are ready, messages under a lease, age of the oldest of
--        both in ms (0 without any), delayed messages, those of them whose time
--        has come, dead letters;
--        since the queue is in use: messages settled, and of them those that were
--        retried, postponed and made dead letters;
--        messages that wait in their message groups; since when the queue is paused, ms
--        since the Unix epoch, 0 if it is not

local stream, delayed, dead, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local leased = 0
local pending = redis.pcall('XPENDING', stream, ARGV[1])
if not pending.err then
  leased = pending[1]
elseif not string.find(pending.err, 'NOGROUP', 1, true) then
  return pending
end

local age = 0
local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
-- An id starts with the time of its entry.
if oldest then age = math.max(now - tonumber(string.match(oldest[1], '^%d+')), 0) end

local reply = {
  math.max(redis.call('XLEN', stream) - leased, 0), leased, age,
  redis.call('ZCARD', delayed), redis.call('ZCOUNT', delayed, '-inf', now), redis.call('XLEN', dead),
}
for _, count in ipairs(redis.call('HMGET', stats, 'settled', 'retried', 'postponed', 'dead', 'held')) do
  reply[#reply + 1] = tonumber(count or 0)
end
reply[#reply + 1] = tonumber(redis.call('GET', KEYS[5]) or 0)
return reply

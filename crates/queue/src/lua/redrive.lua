-- Sends dead letters back to their queue, as messages that never failed.
--
-- KEYS  1 stream   2 bell   3 alarm   4 dead
-- ARGV  1 channel of the bell, '' where the caller rings   2 life of a ringing bell, ms
--       3 alarm after a publish, ms
--       4 'all', then the last id to send back and the most letters
--       or 'these', then their ids
--
-- Reply  number of letters sent back, 1 if the bell was rung, then the ids of
--        those that were not there

local stream, bell, alarm, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, bell_ms, alarm_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

local ids = {}
if ARGV[4] == 'all' then
  for i, entry in ipairs(redis.call('XRANGE', dead, '-', ARGV[5], 'COUNT', ARGV[6])) do
    ids[i] = entry[1]
  end
else
  ids = { unpack(ARGV, 5) }
end

local reply = { 0, 0 }
for _, id in ipairs(ids) do
  local entry = redis.call('XRANGE', dead, id, id)[1]
  if entry then
    redis.call('XDEL', dead, id)
    redis.call('XADD', stream, '*', 'm', field(entry, 'm', ''), 'f', '0')
    reply[1] = reply[1] + 1
  else
    reply[#reply + 1] = id
  end
end
if reply[1] > 0 then
  arm(alarm, alarm_ms)
  reply[2] = ring(bell, channel, bell_ms)
end
return reply

-- Sends dead letters back to their queue, as messages that never failed.
--
-- KEYS  1 stream   2 dead
-- ARGV  1 who rings, 'redis' or 'caller'
--       2 'all', then the last id to send back and the most letters
--       or 'these', then their ids
--
-- Reply  number of letters sent back, number of those that were not there, the
--        ids of these, and the name of the queue if it was rung for

local dead = KEYS[2]
local queue = queue_of(KEYS[1])

local ids = {}
if ARGV[2] == 'all' then
  for i, entry in ipairs(redis.call('XRANGE', dead, '-', ARGV[3], 'COUNT', ARGV[4])) do
    ids[i] = entry[1]
  end
else
  ids = { unpack(ARGV, 3) }
end

local reply = { 0, 0 }
for _, id in ipairs(ids) do
  local entry = redis.call('XRANGE', dead, id, id)[1]
  if entry then
    local line = field(entry, 'l', '')
    if is_held_by(line, queue, id) then mark(line, '') else line = '' end
    redis.call('XDEL', dead, id)
    deliver(queue, field(entry, 'm', ''), 0, line)
    reply[1] = reply[1] + 1
  else
    reply[2] = reply[2] + 1
    reply[#reply + 1] = id
  end
end
if reply[1] > 0 then
  arm(queue, ALARM_MS)
  if ring(queue, ARGV[1]) then reply[#reply + 1] = name_of(queue) end
end
return reply

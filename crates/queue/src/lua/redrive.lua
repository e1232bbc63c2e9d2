-- Sends dead letters back to their queue, as messages that never failed.
--
-- KEYS  1 stream   2 dead
-- ARGV  1 who notifies workers, 'redis' or 'caller'
--       2 'all', then the last id to send back and the max letters
--       or 'these', then their ids
--
-- Reply  number of letters sent back, number of ids that were not found, these ids,
--        and the name of the queue if its workers were notified

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
    local group = field(entry, 'l', '')
    if is_held_by(group, queue, id) then mark(group, '') else group = '' end
    redis.call('XDEL', dead, id)
    deliver(queue, field(entry, 'm', ''), 0, group)
    reply[1] = reply[1] + 1
  else
    reply[2] = reply[2] + 1
    reply[#reply + 1] = id
  end
end
if reply[1] > 0 then
  arm(queue, TIMER_MS)
  if notify(queue, ARGV[1]) then reply[#reply + 1] = name_of(queue) end
end
return reply

-- Sends dead letters back to their queue, as messages that never failed. Keys and arguments
-- are those of letters.lua.
--
-- Reply  that of `pick`, and the name of the queue if its workers were notified

local queue = queue_of(KEYS[1])

local reply = pick(function(id, entry)
  local group = field(entry, 'l', '')
  if is_held_by(group, queue, id) then mark(group, '') else group = '' end
  deliver(queue, field(entry, 'm', ''), 0, group)
end)
if reply[1] > 0 then
  arm(queue, TIMER_MS)
  if notify(queue, ARGV[1]) then reply[#reply + 1] = name_of(queue) end
end
return reply

-- Throws dead letters away, and delivers the next message of each one's message group. Keys
-- and arguments are those of letters.lua.
--
-- Reply  that of `pick`, and the names of the queues whose workers were notified

local queue = queue_of(KEYS[1])

return finish(ARGV[1], pick(function(id, entry)
  local group = field(entry, 'l', '')
  if is_held_by(group, queue, id) then own.RELEASE(nil, group) end
end))

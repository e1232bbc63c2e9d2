-- Throws a dead letter away, and delivers the next message of its message group.
--
-- KEYS  1 stream   2 dead
-- ARGV  1 who notifies workers, 'redis' or 'caller'   2 id of the letter
--
-- Reply  1 if the letter was there, and the name of the queue whose workers were notified

local dead, id = KEYS[2], ARGV[2]

local entry = redis.call('XRANGE', dead, id, id)[1]
if not entry then return { 0 } end
redis.call('XDEL', dead, id)
local group = field(entry, 'l', '')
if is_held_by(group, queue_of(KEYS[1]), id) then own.RELEASE(nil, group) end
return finish(ARGV[1], { 1 })

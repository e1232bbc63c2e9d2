-- Throws a dead letter away; the next message of its line, if it has one, is
-- delivered.
--
-- KEYS  1 stream   2 dead
-- ARGV  1 who rings, 'redis' or 'caller'   2 id of the letter
--
-- Reply  1 if the letter was there, and the name of the queue that was rung for

local dead, id = KEYS[2], ARGV[2]

local entry = redis.call('XRANGE', dead, id, id)[1]
if not entry then return { 0 } end
redis.call('XDEL', dead, id)
local line = field(entry, 'l', '')
if is_held_by(line, queue_of(KEYS[1]), id) then own.RELEASE(nil, line) end
return finish(ARGV[1], { 1 })

-- Makes one change happen whole or not at all: checks that it did not happen
-- before and that no other writer changed the entity, raises the entity's version,
-- settles the message that led to the change, applies effects, publishes messages
-- and notifies workers.
--
-- KEYS  1 stream   2 version register of the entity   3 idempotency key
--       4 staged messages   5 list to keep them in (where there is none of 2 to 5,
--       the stream)   6.. every key that an effect names, so that a cluster can route
--       the call
-- ARGV  1 notifier of workers, 'redis' or 'caller'   2 consumer group
--       3 expected version, '' where no entity changes
--       4 id of the message to settle, '' where there is none
--       5 value to remember under the idempotency key, '' without one
--       6 how long to remember it, ms
--       7 number of staged messages, 0 where none are   8 1 to keep them, 0 to publish
--       them now
--       then the effects, as effects.lua has them
--
-- Reply  'committed', the names of the queues whose workers were notified
--        | 'conflict', version | 'settled' (another worker settled the message)
--        | 'duplicate', the remembered value | 'unstaged' (the staged messages
--        expired); only the first changes anything

local stream, register, once, staged = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local by, consumers, expected, settled, remember = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local staged_count = tonumber(ARGV[7])
local queue = queue_of(stream)

-- Every check comes before the first write: a script is not rolled back.
if remember ~= '' then
  local known = redis.call('GET', once)
  if known then return { 'duplicate', known } end
end
if expected ~= '' then
  local version = tonumber(redis.call('GET', register) or '0')
  if version > tonumber(expected) then return { 'conflict', version } end
end
if staged_count > 0 and redis.call('LLEN', staged) ~= staged_count then return { 'unstaged' } end
if settled ~= '' then
  if redis.call('XACK', stream, consumers, settled) == 0 then return { 'settled' } end
  redis.call('XDEL', stream, settled)
  count(queue, 'settled', 1)
end

if remember ~= '' then redis.call('SET', once, remember, 'PX', ARGV[6]) end
if expected ~= '' then redis.call('SET', register, tonumber(expected) + 1) end

local at = 9
while at <= #ARGV do
  at = apply(at, queue)
end

if ARGV[8] == '1' then
  redis.call('RENAME', staged, KEYS[5])
  redis.call('PERSIST', KEYS[5])
  staged_count = 0
end
for _ = 1, staged_count, 500 do
  for _, message in ipairs(redis.call('LPOP', staged, 500)) do
    deliver(queue, message, 0, '')
  end
  fed[queue] = true
end
return finish(by, { 'committed' })

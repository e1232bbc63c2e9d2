-- Makes one change happen whole or not at all: checks that it is not there
-- already and that nobody else changed the entity, raises its version, settles
-- the message that led to the change, applies effects, publishes messages and
-- rings the bell.
--
-- KEYS  1 stream   2 bell   3 alarm   4 stats   5 version register of the entity
--       6 idempotency key   7 staged messages
--       8.. every key that an effect names, so that a cluster can route the call
--       (where there is none of 5 to 7, the stream)
-- ARGV  1 channel of the bell, '' where the caller rings   2 life of a ringing bell, ms
--       3 consumer group          4 alarm after a publish, ms
--       5 expected version, '' where no entity changes
--       6 id of the message to settle, '' where there is none
--       7 what to remember under the idempotency key, '' without one
--       8 how long to remember it, ms
--       9 number of staged messages, 0 where none are
--       10 number of messages, then the messages
--       then the effects, as effects.lua has them
--
-- Reply  'committed', 1 if the bell was rung | 'conflict', version
--        | 'settled' (somebody else has settled the message)
--        | 'duplicate', what is remembered | 'unstaged' (the staged messages
--        are gone); all but the first have done nothing

local stream, bell, alarm, stats, register = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local once, staged = KEYS[6], KEYS[7]
local channel, bell_ms, group, alarm_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local expected, settled, remember = ARGV[5], ARGV[6], ARGV[7]
local staged_count = tonumber(ARGV[9])

-- Everything that can say no comes before the first write: a script is not rolled back.
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
  if redis.call('XACK', stream, group, settled) == 0 then return { 'settled' } end
  redis.call('XDEL', stream, settled)
  redis.call('HINCRBY', stats, 'settled', 1)
end

if remember ~= '' then redis.call('SET', once, remember, 'PX', ARGV[8]) end
if expected ~= '' then redis.call('SET', register, tonumber(expected) + 1) end

local at = 10
local messages = tonumber(ARGV[at])
for i = 1, messages do
  redis.call('XADD', stream, '*', 'm', ARGV[at + i], 'f', '0')
end
at = at + messages + 1

while at <= #ARGV do
  at = apply(at, alarm, stats)
end
flush()

for _ = 1, staged_count, 500 do
  for _, message in ipairs(redis.call('LPOP', staged, 500)) do
    redis.call('XADD', stream, '*', 'm', message, 'f', '0')
  end
end

local rang = 0
if messages + staged_count > 0 then
  arm(alarm, alarm_ms)
  rang = ring(bell, channel, bell_ms)
end
return { 'committed', rang }

-- Makes one change happen whole or not at all: checks the version of an
-- entity, raises it, settles the message that led to the change, applies
-- effects, publishes messages and rings the bell.
--
-- KEYS  1 stream   2 bell   3 alarm   4 version register of the entity
--       5.. every key that an effect names, so that a cluster can route the call
-- ARGV  1 channel of the bell     2 life of a ringing bell, ms
--       3 consumer group          4 alarm after a publish, ms
--       5 expected version, '' where no entity changes
--       6 id of the message to settle, '' where there is none
--       7 number of messages, then the messages
--       then the effects, each: number of words, then the words of a command
--       (`ALARM <ms>` arms the alarm)
--
-- Reply  'committed' | 'conflict', version | 'settled' (somebody else has
--        settled the message: nothing was done)

local stream, bell, alarm, register = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, bell_ms, group, alarm_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local expected, settled = ARGV[5], ARGV[6]

local function arm(ms)
  local left = redis.call('PTTL', alarm)
  if left < 0 or left > ms then redis.call('SET', alarm, '', 'PX', ms) end
end

-- Everything that can say no comes before the first write: a script is not rolled back.
if expected ~= '' then
  local version = tonumber(redis.call('GET', register) or '0')
  if version > tonumber(expected) then return { 'conflict', version } end
end
if settled ~= '' then
  if redis.call('EXISTS', stream) == 0 or #redis.call('XPENDING', stream, group, settled, settled, 1) == 0 then
    return { 'settled' }
  end
  redis.call('XACK', stream, group, settled)
  redis.call('XDEL', stream, settled)
end

if expected ~= '' then redis.call('SET', register, tonumber(expected) + 1) end

local at = 7
local messages = tonumber(ARGV[at])
for i = 1, messages do
  redis.call('XADD', stream, '*', 'm', ARGV[at + i], 'f', '0')
end
at = at + messages + 1

while at <= #ARGV do
  local words = tonumber(ARGV[at])
  if ARGV[at + 1] == 'ALARM' then
    arm(tonumber(ARGV[at + 2]))
  else
    redis.call(unpack(ARGV, at + 1, at + words))
  end
  at = at + words + 1
end

if messages > 0 then
  arm(alarm_ms)
  if redis.call('SET', bell, '', 'NX', 'PX', bell_ms) then redis.call('PUBLISH', channel, '') end
end
return { 'committed' }

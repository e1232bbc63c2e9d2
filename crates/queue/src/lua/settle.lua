-- Settles messages, each with its effects, and each only if no other worker
-- settled it before.
--
-- KEYS  1 stream
--       2.. every key that an effect names, so that a cluster can route the call
-- ARGV  1 notifier of workers, 'redis' or 'caller'   2 consumer group   3 number of messages
--       then for each message: its id, the number that is counted for it (several
--       where it holds more messages), the number of its effects, and these
--       as effects.lua has them
--       then effects that happen once, if any of the messages was settled
--
-- Reply  for each message 1 if it was settled now, 0 if it had been before;
--        then the names of the queues whose workers were notified

local stream = KEYS[1]
local by, consumers = ARGV[1], ARGV[2]
local queue = queue_of(stream)

local reply, done, counted = {}, {}, 0
local at = 4
for i = 1, tonumber(ARGV[3]) do
  local id, messages, effects = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  local ours = redis.call('XACK', stream, consumers, id)
  if ours == 1 then
    done[#done + 1] = id
    counted = counted + messages
  end
  for _ = 1, effects do
    if ours == 1 then at = apply(at, queue) else at = at + tonumber(ARGV[at]) + 1 end
  end
  reply[i] = ours
end
if #done == 0 then return reply end

for first = 1, #done, 1000 do
  redis.call('XDEL', stream, unpack(done, first, math.min(first + 999, #done)))
end
if counted > 0 then count(queue, 'settled', counted) end
while at <= #ARGV do
  at = apply(at, queue)
end
return finish(by, reply)

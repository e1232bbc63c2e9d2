-- Moves a schedule from the state that the caller read to the next one, unless another
-- caller moved it before, and publishes the message of its time.
--
-- KEYS  1 stream of the schedule's queue   2 states of the schedules of the hash tag
--       3 where the last messages of the queue's schedules are
-- ARGV  1 notifier of workers, 'redis' or 'caller'   2 name of the schedule
--       3 state that the caller read, '' if there was none   4 next state
--       5 message, '' to publish none
--       6 next state instead, if the schedule's last message is still on the queue
--       7 time until a schedule of the hash tag is due next, ms, '' if none is
--
-- Reply  'moved', the name of the queue if its workers were notified
--        | 'busy' (the last message is still on the queue; state 6 is set)
--        | 'raced' (another caller moved it); this changes nothing

local states, places = KEYS[2], KEYS[3]
local by, name, expected, message, due = ARGV[1], ARGV[2], ARGV[3], ARGV[5], ARGV[7]
local queue = queue_of(KEYS[1])

if (redis.call('HGET', states, name) or '') ~= expected then return { 'raced' } end

local function is_on_queue(place)
  if not place then return false end
  -- A message that was removed by hand is in neither.
  if string.find(place, '|', 1, true) then return redis.call('ZSCORE', queue .. 'delayed', place) ~= false end
  return redis.call('XRANGE', KEYS[1], place, place)[1] ~= nil
end

local state, outcome = ARGV[4], 'moved'
if message ~= '' then
  if is_on_queue(redis.call('HGET', places, name)) then
    state, outcome = ARGV[6], 'busy'
  else
    redis.call('HSET', places, name, deliver(queue, message, 0, ''))
    fed[queue] = true
  end
end
redis.call('HSET', states, name, state)
if due ~= '' then arm(states .. ':', tonumber(due)) end
return finish(by, { outcome })

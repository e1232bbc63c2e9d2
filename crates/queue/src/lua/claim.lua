-- Gives a worker its next messages, each under a lease: those whose time has
-- come, those whose lease ran out, and new ones.
--
-- KEYS  1 stream   2 bell   3 alarm   4 delayed
-- ARGV  1 consumer group   2 consumer   3 lease, ms   4 most messages
--       5 who rings, 'redis' or 'caller'
--
-- Reply  for each message: id, failures before this delivery, 1 if the worker
--        that had it last did not settle it, its line or '', the message

local stream, bell, delayed = KEYS[1], KEYS[2], KEYS[4]
local group, consumer, lease, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- How long no more help is called for: about as long as a worker works, so that
-- calls do not pile up behind one that is at work.
local HELP_MS = 20000

-- Cleared before the reading: what is published from here on rings again.
redis.call('DEL', bell)

local queue = queue_of(stream)
local now = promote(queue, most)

redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
local reply = {}
local function give(entries, again)
  for _, entry in ipairs(entries) do
    local id, fields = entry[1], entry[2]
    local message, failures, line = '', 0, ''
    for i = 1, #fields, 2 do
      if fields[i] == 'm' then message = fields[i + 1] end
      if fields[i] == 'f' then failures = tonumber(fields[i + 1]) end
      if fields[i] == 'l' then line = fields[i + 1] end
    end
    if again then
      -- A lease that ran out is a failure too: the worker died or hung on it.
      local pending = redis.call('XPENDING', stream, group, id, id, 1)
      failures = failures + pending[1][4] - 1
    end
    reply[#reply + 1] = id
    reply[#reply + 1] = failures
    reply[#reply + 1] = again and 1 or 0
    reply[#reply + 1] = line
    reply[#reply + 1] = message
  end
end

-- One consumer name serves all workers: leases are told apart by message, and
-- a name a worker would leave a dead consumer behind for each.
-- A message whose lease ran out is given alone: it may be what killed its worker,
-- and must not use up the attempts of others.
local expired = redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', 1)
if expired[1] then
  local id = expired[1][1]
  local entries = redis.call('XCLAIM', stream, group, consumer, lease, id)
  -- Somebody may have taken the message itself away, by hand.
  if entries[1] then give(entries, true) else redis.call('XACK', stream, group, id) end
end
if #reply == 0 then
  local new = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most, 'STREAMS', stream, '>')
  if new then give(new[1][2], false) end
end

-- A worker that has to leave some calls for help, once: the call holds until nobody
-- is at work. A caller rings for one worker and has no help to call.
local length, claimed = redis.call('XLEN', stream), redis.call('XPENDING', stream, group)[1]
if claimed == 0 then
  redis.call('DEL', queue .. 'help')
elseif ARGV[5] == 'redis' and length > claimed then
  call_worker(queue, 'help', HELP_MS, 'redis')
end

-- Somebody must look again should this worker die, or an alarm be lost.
local look_again = nil
if length > 0 then look_again = lease + 1000 end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then look_again = math.min(look_again or math.huge, math.max(first[2] - now, 1)) end
if look_again then arm(queue, look_again) end
return reply

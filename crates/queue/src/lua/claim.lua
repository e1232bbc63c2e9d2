-- Claims messages for a worker, each under a lease: delayed messages whose time
-- has come, messages whose lease ran out, and new ones. Nothing of a paused queue.
--
-- KEYS  1 stream   2 bell   3 alarm   4 delayed
-- ARGV  1 consumer group   2 consumer   3 lease, ms   4 max messages
--       5 notifier of workers, 'redis' or 'caller'
--
-- Reply  for each message: id, failures before this delivery, how many of them are
--        of workers that did not settle it, the key of its message group or '', the message

local stream, bell, delayed = KEYS[1], KEYS[2], KEYS[4]
local consumers, consumer, lease, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- How long after a call for help no other is made: about the time that a worker
-- works, so that calls do not pile up behind a worker that is busy.
local HELP_MS = 20000

-- Cleared before the stream is read: a message published from here on notifies again.
redis.call('DEL', bell)

local queue = queue_of(stream)
-- No timer is needed: the end of the pause sets it.
if is_paused(queue) then return {} end
local now = promote(queue, max)

redis.pcall('XGROUP', 'CREATE', stream, consumers, '0', 'MKSTREAM')
local reply = {}
local function add(entries, is_abandoned)
  for _, entry in ipairs(entries) do
    local id, fields = entry[1], entry[2]
    local message, failures, deaths, group = '', 0, 0, ''
    for i = 1, #fields, 2 do
      if fields[i] == 'm' then message = fields[i + 1] end
      if fields[i] == 'f' then failures = tonumber(fields[i + 1]) end
      if fields[i] == 'l' then group = fields[i + 1] end
    end
    if is_abandoned then
      -- A lease that ran out counts as a failure: the worker died or hung.
      local pending = redis.call('XPENDING', stream, consumers, id, id, 1)
      deaths = pending[1][4] - 1
      failures = failures + deaths
    end
    reply[#reply + 1] = id
    reply[#reply + 1] = failures
    reply[#reply + 1] = deaths
    reply[#reply + 1] = group
    reply[#reply + 1] = message
  end
end

-- All workers share one consumer name: leases belong to messages, and a name for
-- each worker would leave a dead consumer behind for each.
-- A message whose lease ran out is claimed alone: it may have killed its worker,
-- and must not use up the attempts of others.
local expired = redis.call('XPENDING', stream, consumers, 'IDLE', lease, '-', '+', 1)
if expired[1] then
  local id = expired[1][1]
  local entries = redis.call('XCLAIM', stream, consumers, consumer, lease, id)
  -- No entry: an operator deleted the message by hand.
  if entries[1] then add(entries, true) else redis.call('XACK', stream, consumers, id) end
end
if #reply == 0 then
  local new = redis.call('XREADGROUP', 'GROUP', consumers, consumer, 'COUNT', max, 'STREAMS', stream, '>')
  if new then add(new[1][2], false) end
end

-- A worker that leaves messages behind calls for help, once: no other call is made
-- until no message is under a lease. A caller wakes one worker and calls no help.
local length, claimed = redis.call('XLEN', stream), redis.call('XPENDING', stream, consumers)[1]
if claimed == 0 then
  redis.call('DEL', queue .. 'help')
elseif ARGV[5] == 'redis' and length > claimed then
  call_worker(queue, 'help', HELP_MS, 'redis')
end

-- A timer follows, in case this worker dies or another timer is lost.
local next_look = nil
if length > 0 then next_look = lease + 1000 end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then next_look = math.min(next_look or math.huge, math.max(first[2] - now, 1)) end
if next_look then arm(queue, next_look) end
return reply

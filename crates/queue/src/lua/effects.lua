-- Shared by the scripts after it: the effects of a change, which are the words
-- of Redis commands or one of five of our own. A line of '' is none.
--   SEND <stream> <line> <message> <ahead>   publishes a message; should it have to
--        wait in its line, `ahead` is published now, if there is one
--   DELAY <delayed> <entry> <ms> <counted>   delivers a message in that time, and
--        counts it in the queue's statistics under that name, if there is one
--   BURY <dead> <message> <error> <attempts> <line>   makes a dead letter
--   TALLY <hash> <field> <command> <key>   sets the field to what the command counts
--   RELEASE <line>   lets the next message of a line be delivered

-- Fields of hashes are set together at the end: one command for all of a batch
-- costs less, here and in the append-only file. So are expiries, for a key has to
-- be there to be given one. What is counted is counted between the two.
local hashes, tallies, expiries = {}, {}, {}

-- The queues that got messages, to be rung for at the end.
local fed = {}

local own = {}

function own.SEND(queue, stream, line, message, ahead)
  local target = queue_of(stream)
  if line ~= '' and not join(line, target, message, 0) then
    if ahead == '' then return end
    line, message = '', ahead
  end
  deliver(target, message, 0, line)
  fed[target] = true
end

function own.DELAY(queue, delayed, entry, ms, counted)
  redis.call('ZADD', delayed, now_ms() + tonumber(ms), entry)
  arm(queue, tonumber(ms))
  if counted ~= '' then redis.call('HINCRBY', queue .. 'stats', counted, 1) end
end

function own.BURY(queue, dead, message, error, attempts, line)
  local letter = redis.call('XADD', dead, '*', 'm', message, 'error', error, 'attempts', attempts, 'at', now_ms(), 'l', line)
  redis.call('HINCRBY', queue .. 'stats', 'dead', 1)
  if line ~= '' then mark(line, name_of(queue) .. '/' .. letter) end
end

function own.TALLY(_, ...) tallies[#tallies + 1] = { ... } end

function own.RELEASE(_, line)
  local target = release(line)
  if target then fed[target] = true end
end

-- Applies the effect that starts at `at` (its number of words, then the words)
-- for a message or client of `queue`. Returns where the next one starts.
local function apply(at, queue)
  local last = at + tonumber(ARGV[at])
  local command = ARGV[at + 1]
  if own[command] then
    own[command](queue, unpack(ARGV, at + 2, last))
  elseif command == 'HSET' then
    local words = hashes[ARGV[at + 2]] or {}
    for i = at + 3, last do words[#words + 1] = ARGV[i] end
    hashes[ARGV[at + 2]] = words
  elseif command == 'PEXPIRE' then
    expiries[ARGV[at + 2]] = ARGV[last]
  elseif command ~= 'SETBIT' or redis.call('GETBIT', ARGV[at + 2], ARGV[at + 3]) ~= tonumber(ARGV[last]) then
    -- A bit that is as it should be is not written again.
    redis.call(unpack(ARGV, at + 1, last))
  end
  return last + 1
end

-- To be called when all effects have been applied. Adds the names of the queues
-- that were rung for to `reply`.
local function finish(bell, reply)
  for key, words in pairs(hashes) do
    for at = 1, #words, 1000 do
      redis.call('HSET', key, unpack(words, at, math.min(at + 999, #words)))
    end
  end
  for _, tally in ipairs(tallies) do
    local key, field, command, counted = unpack(tally)
    redis.call('HSET', key, field, redis.call(command, counted))
  end
  for key, ms in pairs(expiries) do redis.call('PEXPIRE', key, ms) end
  for queue in pairs(fed) do
    arm(queue, ALARM_MS)
    if ring(queue, bell) then reply[#reply + 1] = name_of(queue) end
  end
  return reply
end

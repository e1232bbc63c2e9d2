-- Shared by the scripts after it: the effects of a change. An effect is the words
-- of a Redis command, or of one of these. A <group> of '' is no message group.
--   SEND <stream> <group> <message> <ahead>   publishes a message. If the message
--        has to wait in its group, publishes <ahead> now, unless that is ''
--   SENDIFANY <sorted set> <stream> <message> <member>...   publishes a message if
--        the set has one of the members
--   KEEP <hash> <id> <label> <value> <count> <bytes> <ms>   keeps a value, and forgets
--        the oldest ones that are beyond the count, the bytes or the time
--   DELAY <delayed> <entry> <ms> <counted>   delivers a message after <ms>, and
--        counts it in the queue's statistics under <counted>, unless that is ''
--   DEAD <dead> <message> <error> <attempts> <group> <hash> <field>   makes a dead
--        letter, and notes its id in the field, unless <hash> is ''
--   SENDALL <stream> <list>   publishes the messages of the list, and removes it
--   REDRIVE <stream> <dead> <letters> <outcomes> <failed> <hash> <field>   sends back
--        the dead letters whose ids are in the hash <letters>; of each, removes the
--        field of that name in <outcomes> and clears that bit of <failed>. Sets the
--        field of <hash> to their number
--   SWEEP <index> <prefix>   removes some members whose key, <prefix><member>, is gone
--   TALLY <hash> <field> <command> <key>   sets the field to the command's count
--   COMPLETE <hash> <done> <total> <completed> <unless> <set> <stream> <message> <member>...
--        after the tallies, sets the field <completed> if <done> and <total> are equal, it is
--        not set and the field <unless> is not; then publishes a message if the sorted set
--        has one of the members
--   RELEASE <group>   delivers the next message of a group

-- Fields of hashes are set together at the end, and numbers are added there: one
-- command for a batch costs less, here and in the append-only file. Tallies follow,
-- and then expiries, for Redis expires only keys that exist.
local hashes, sums, tallies, completions, expiries = {}, {}, {}, {}, {}

-- A local is found sooner than a global.
local ARGV = ARGV

-- The queues that got messages; their workers are notified at the end.
local fed = {}

local own = {}

function own.SEND(queue, stream, group, message, ahead, once, keep)
  if once ~= '' and not redis.call('SET', once, '', 'NX', 'PX', keep) then return end
  local target = queue_of(stream)
  if group ~= '' and not join(group, target, message, 0) then
    if ahead == '' then return end
    group, message = '', ahead
  end
  deliver(target, message, 0, group)
  fed[target] = true
end

function own.SENDIFANY(_, set, stream, message, ...)
  for _, score in ipairs(redis.call('ZMSCORE', set, ...)) do
    if score then
      local target = queue_of(stream)
      deliver(target, message, 0, '')
      fed[target] = true
      return
    end
  end
end

function own.KEEP(_, hash, id, label, value, count, bytes, ms)
  local labels, times, size = hash .. ':labels', hash .. ':times', hash .. ':bytes'
  if redis.call('HEXISTS', hash, id) == 1 or #value > tonumber(bytes) then return end
  local now = now_ms()
  redis.call('HSET', hash, id, value)
  redis.call('HSET', labels, id, label)
  redis.call('ZADD', times, now, id)
  redis.call('INCRBY', size, #value)
  -- Of a limit that was lowered, some at a time.
  for _ = 1, 1000 do
    local oldest = redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')
    local is_kept = redis.call('ZCARD', times) <= tonumber(count)
      and tonumber(redis.call('GET', size)) <= tonumber(bytes)
      and tonumber(oldest[2]) > now - tonumber(ms)
    if is_kept then break end
    redis.call('DECRBY', size, redis.call('HSTRLEN', hash, oldest[1]))
    redis.call('HDEL', hash, oldest[1])
    redis.call('HDEL', labels, oldest[1])
    redis.call('ZREM', times, oldest[1])
  end
  for _, key in ipairs({ hash, labels, times, size }) do redis.call('PEXPIRE', key, ms) end
end

function own.DELAY(_, delayed, entry, ms, counted)
  -- Without the end, `delayed`.
  local queue = string.sub(delayed, 1, -8)
  redis.call('ZADD', delayed, now_ms() + tonumber(ms), entry)
  -- A retry starts with the id that the message had in the stream.
  follow(queue, string.match(entry, '^[^|]*'), entry)
  arm(queue, tonumber(ms))
  if counted ~= '' then count(queue, counted, 1) end
end

function own.DEAD(queue, dead, message, error, attempts, group, hash, place)
  local letter = redis.call('XADD', dead, '*', 'm', message, 'error', error, 'attempts', attempts, 'at', now_ms(), 'l', group)
  count(queue, 'dead', 1)
  if group ~= '' then mark(group, name_of(queue) .. '/' .. letter) end
  if hash ~= '' then redis.call('HSET', hash, place, letter) end
end

function own.SENDALL(_, stream, list)
  local target = queue_of(stream)
  local messages = redis.call('LPOP', list, 500)
  while messages do
    for _, message in ipairs(messages) do deliver(target, message, 0, '') end
    fed[target] = true
    messages = redis.call('LPOP', list, 500)
  end
end

function own.REDRIVE(_, stream, dead, letters, outcomes, failed, hash, place)
  local target, count = queue_of(stream), 0
  local noted = redis.call('HGETALL', letters)
  for i = 1, #noted, 2 do
    -- An operator may have sent the letter back or thrown it away.
    local entry = redis.call('XRANGE', dead, noted[i + 1], noted[i + 1])[1]
    if entry then
      local fields = entry[2]
      for at = 1, #fields, 2 do
        if fields[at] == 'm' then deliver(target, fields[at + 1], 0, '') end
      end
      redis.call('XDEL', dead, noted[i + 1])
      redis.call('HDEL', outcomes, noted[i])
      redis.call('SETBIT', failed, noted[i], 0)
      count = count + 1
    end
  end
  redis.call('DEL', letters)
  redis.call('HSET', hash, place, count)
  if count > 0 then fed[target] = true end
end

function own.SWEEP(_, index, prefix)
  for _, member in ipairs(redis.call('ZRANDMEMBER', index, 4)) do
    if redis.call('EXISTS', prefix .. member) == 0 then redis.call('ZREM', index, member) end
  end
end

function own.ADD(_, hash, ...)
  local words, fields = { ... }, sums[hash] or {}
  sums[hash] = fields
  -- Exact up to 2^53, which no sum of a batch comes near.
  for i = 1, #words, 2 do fields[words[i]] = (fields[words[i]] or 0) + tonumber(words[i + 1]) end
end

function own.TALLY(_, ...) tallies[#tallies + 1] = { ... } end

function own.COMPLETE(_, ...) completions[#completions + 1] = { ... } end

function own.RELEASE(_, group)
  local target = release(group)
  if target then fed[target] = true end
end

-- Applies the effect at index `at` of ARGV (its number of words, then the words)
-- for a message or client of `queue`. Returns the index of the next effect.
local function apply(at, queue)
  local last = at + tonumber(ARGV[at])
  local command = ARGV[at + 1]
  if own[command] then
    own[command](queue, unpack(ARGV, at + 2, last))
  elseif command == 'HSET' then
    local hash = hashes[ARGV[at + 2]] or { size = 0 }
    local size = hash.size
    for i = at + 3, last do
      size = size + 1
      hash[size] = ARGV[i]
    end
    hash.size = size
    hashes[ARGV[at + 2]] = hash
  elseif command == 'PEXPIRE' then
    expiries[ARGV[at + 2]] = ARGV[last]
  elseif command ~= 'SETBIT' or redis.call('GETBIT', ARGV[at + 2], ARGV[at + 3]) ~= tonumber(ARGV[last]) then
    -- A bit that has the right value is not written again.
    redis.call(unpack(ARGV, at + 1, last))
  end
  return last + 1
end

-- To be called after the last effect. Adds to `reply` the names of the queues whose
-- workers were notified.
local function finish(by, reply)
  for key, words in pairs(hashes) do
    for at = 1, words.size, 1000 do
      redis.call('HSET', key, unpack(words, at, math.min(at + 999, words.size)))
    end
  end
  for hash, fields in pairs(sums) do
    for field, sum in pairs(fields) do
      local is_zero = sum ~= 0 and redis.call('HINCRBY', hash, field, string.format('%.0f', sum)) == 0
      if is_zero then redis.call('HDEL', hash, field) end
    end
  end
  for _, tally in ipairs(tallies) do
    local key, field, command, counted = unpack(tally)
    redis.call('HSET', key, field, redis.call(command, counted))
  end
  for _, completion in ipairs(completions) do
    local hash, done, total, completed, unless = unpack(completion)
    local values = redis.call('HMGET', hash, done, total, completed, unless)
    if values[1] and values[1] == values[2] and not values[3] and not values[4] then
      redis.call('HSET', hash, completed, 1)
      own.SENDIFANY(nil, unpack(completion, 6))
    end
  end
  for key, ms in pairs(expiries) do redis.call('PEXPIRE', key, ms) end
  for queue in pairs(fed) do
    arm(queue, TIMER_MS)
    if notify(queue, by) then reply[#reply + 1] = name_of(queue) end
  end
  return reply
end

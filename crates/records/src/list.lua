-- Reads a page of an index, the newest first; of one millisecond, the ids in
-- descending order.
--
-- KEYS  1 the index
-- ARGV  1 most entries   2 and 3 score and member to go on after, '' from the start
--
-- Reply  1 if there are more, then for each entry: member, score

local most, score, member = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local reply = { 0 }
local offset, entries = 0, nil
repeat
  entries = redis.call('ZREVRANGEBYSCORE', KEYS[1], score and ARGV[2] or '+inf', '-inf', 'WITHSCORES', 'LIMIT', offset, most + 1)
  for i = 1, #entries, 2 do
    local is_before = score and tonumber(entries[i + 1]) == score and entries[i] >= member
    if not is_before then
      if #reply > 2 * most then
        reply[1] = 1
        return reply
      end
      reply[#reply + 1] = entries[i]
      reply[#reply + 1] = entries[i + 1]
    end
  end
  offset = offset + #entries / 2
until #entries == 0
return reply

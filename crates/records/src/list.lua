-- Reads a page of an index, the highest scores first; of one score, the members in
-- descending order.
--
-- KEYS  1 the index
-- ARGV  1 max entries   2 and 3 min and max score
--       4 and 5 score and member of the last page's end, '' without one
--
-- Reply  1 if others follow the page, then for each entry: member, score

local max, from, score, member = tonumber(ARGV[1]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
if score then from = ARGV[4] end

local reply = { 0 }
local offset, entries = 0, nil
repeat
  entries = redis.call('ZREVRANGEBYSCORE', KEYS[1], from, ARGV[2], 'WITHSCORES', 'LIMIT', offset, max + 1)
  for i = 1, #entries, 2 do
    local is_before = score and tonumber(entries[i + 1]) == score and entries[i] >= member
    if not is_before then
      if #reply > 2 * max then
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

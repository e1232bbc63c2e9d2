-- Reads hashes of sums.
--
-- KEYS  the hashes
--
-- Reply  for each hash: the number of its names and values, then these

local reply = {}
for _, key in ipairs(KEYS) do
  local fields = redis.call('HGETALL', key)
  reply[#reply + 1] = #fields
  for _, word in ipairs(fields) do reply[#reply + 1] = word end
end
return reply

-- Reads jobs that an index names. Those that have expired are removed from it.
--
-- KEYS  1 index   2.. the jobs
-- ARGV  the members of the jobs in the index, then the names of the fields; each job has
--       the first field
--
-- Reply  for each job the values of its fields

local count = #KEYS - 1
local fields = { unpack(ARGV, count + 1) }
local reply = {}
for i = 1, count do
  local values = redis.call('HMGET', KEYS[i + 1], unpack(fields))
  if not values[1] then redis.call('ZREM', KEYS[1], ARGV[i]) end
  for at = 1, #fields do reply[#reply + 1] = values[at] end
end
return reply

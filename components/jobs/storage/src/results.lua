-- Reads results in the order of their toons, skipping those that are not
-- finished yet.
--
-- KEYS  1 results
-- ARGV  1 index of the first toon   2 most results   3 number of toons of the job
--       4 bytes after which a page ends, whatever it could still have
--
-- Reply  index of the toon that the next page begins with, then the results

local first, most, total, bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local CHUNK = 100
local reply = { first }

while first < total do
  local fields = {}
  for index = first, math.min(first + CHUNK, total) - 1 do
    fields[#fields + 1] = index
  end
  for _, result in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
    if result then
      if #reply > most or bytes <= 0 then
        reply[1] = first
        return reply
      end
      reply[#reply + 1] = result
      bytes = bytes - #result
    end
    first = first + 1
  end
end
reply[1] = total
return reply

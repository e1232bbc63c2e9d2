-- Reads a job, and results in the order of their toons, skipping those that are
-- not finished yet.
--
-- KEYS  1 job   2 results   3 bitmap of failed toons
-- ARGV  1 index of the first toon   2 most results
--       3 bytes after which a page ends, whatever it could still have
--
-- Reply  what read_job gives; then, where there is the job, the index of the toon
--        that the next page begins with, and the results as one JSON array

local reply = read_job()
if not reply[1] then return reply end

local first, most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local total = tonumber(reply[2])
local CHUNK = 100
local page = {}

local function read()
  while first < total do
    local fields = {}
    for index = first, math.min(first + CHUNK, total) - 1 do
      fields[#fields + 1] = index
    end
    for _, result in ipairs(redis.call('HMGET', KEYS[2], unpack(fields))) do
      if result then
        if #page >= most or bytes <= 0 then return end
        page[#page + 1] = result
        bytes = bytes - #result
      end
      first = first + 1
    end
  end
  first = total
end

read()
reply[9] = first
reply[10] = '[' .. table.concat(page, ',') .. ']'
return reply

-- Reads a page of dead letters, the oldest first.
--
-- KEYS  1 dead
-- ARGV  1 first id, or '-'   2 max letters, at least 1
--       3 bytes of messages after which the page ends
--
-- Reply  number of all dead letters, 1 if more follow the page;
--        then for each letter: id, message, error, attempts, time of its failure (ms)

local dead, start, max, max_bytes = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local reply = { redis.call('XLEN', dead), 0 }
local count, bytes = 0, 0
-- In steps, to read little more than the page.
while true do
  local entries = redis.call('XRANGE', dead, start, '+', 'COUNT', 50)
  if #entries == 0 then return reply end
  for _, entry in ipairs(entries) do
    if count == max or bytes >= max_bytes then
      reply[2] = 1
      return reply
    end
    local id, message = entry[1], field(entry, 'm', '')
    count, bytes = count + 1, bytes + #message
    for _, value in ipairs({ id, message, field(entry, 'error', ''), field(entry, 'attempts', 0), field(entry, 'at', 0) }) do
      reply[#reply + 1] = value
    end
    start = '(' .. id
  end
end

-- Shared by the scripts after it: puts delayed messages whose time has come back
-- on the stream, at most so many. Returns the time in ms since the Unix epoch.
local function promote(queue, most)
  local now = now_ms()
  local delayed = queue .. 'delayed'
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, most)) do
    -- An entry is `<unique id>|<failures>|<message>`; with a line that waits for it
    -- `<unique id>|<failures>:<line>|<message>`, and with one that it has left and comes
    -- back to `<unique id>|<failures>~<line>|<message>`.
    local failures, left, line, message = string.match(entry, '^[^|]*|(%d+)([:~]?)([^|]*)|(.*)$')
    if left ~= '~' or join(line, queue, message, tonumber(failures)) then
      deliver(queue, message, failures, line)
    end
    redis.call('ZREM', delayed, entry)
  end
  return now
end

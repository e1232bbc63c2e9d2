-- Shared by the scripts after it: puts delayed messages whose time has come back
-- on the stream, at most so many. Returns the time in ms since the Unix epoch.
local function promote(stream, delayed, most)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, most)) do
    -- An entry is `<unique id>|<failures>|<message>`.
    local failures, message = string.match(entry, '^[^|]*|(%d+)|(.*)$')
    redis.call('XADD', stream, '*', 'm', message, 'f', failures)
    redis.call('ZREM', delayed, entry)
  end
  return now
end


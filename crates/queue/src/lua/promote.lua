-- Shared by the scripts after it: puts up to `max` delayed messages whose time has
-- come on the stream. Returns the time in ms since the Unix epoch.
local function promote(queue, max)
  local now = now_ms()
  local delayed = queue .. 'delayed'
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, max)) do
    -- An entry is `<unique id>|<failures>|<message>`. Of a message whose group waits
    -- for it: `<unique id>|<failures>:<group>|<message>`. Of one that left its group
    -- and joins it again now: `<unique id>|<failures>~<group>|<message>`.
    local failures, left, group, message = string.match(entry, '^[^|]*|(%d+)([:~]?)([^|]*)|(.*)$')
    if left ~= '~' or join(group, queue, message, tonumber(failures)) then
      follow(queue, entry, deliver(queue, message, failures, group))
    end
    redis.call('ZREM', delayed, entry)
  end
  return now
end

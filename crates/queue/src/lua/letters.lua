-- The dead letters that an operator chose.
--
-- KEYS  1 stream   2 dead
-- ARGV  1 notifier of workers, 'redis' or 'caller'
--       2 'all', then the last id to take and the max letters
--       or 'these', then their ids

-- Takes them off the dead letters, each with its id and entry by `take`. Returns the head
-- of the reply: number of letters taken, number of ids that were not found, these ids.
local function pick(take)
  local dead = KEYS[2]
  local ids = {}
  if ARGV[2] == 'all' then
    for i, entry in ipairs(redis.call('XRANGE', dead, '-', ARGV[3], 'COUNT', ARGV[4])) do
      ids[i] = entry[1]
    end
  else
    ids = { unpack(ARGV, 3) }
  end

  local reply = { 0, 0 }
  for _, id in ipairs(ids) do
    local entry = redis.call('XRANGE', dead, id, id)[1]
    if entry then
      redis.call('XDEL', dead, id)
      take(id, entry)
      reply[1] = reply[1] + 1
    else
      reply[2] = reply[2] + 1
      reply[#reply + 1] = id
    end
  end
  return reply
end

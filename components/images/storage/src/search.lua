-- Finds the photos of a group that meet all conditions on their labels. The cost grows
-- with the group, not with the other photos of this or other users.
--
-- KEYS  1 photos of the group   2 photos whose labels are known
--       3.. photos with a label, by confidence: one key a condition
-- ARGV  1 max names   2 last name of the page before, '' without one
--       then for each condition: operator, threshold
--
-- Reply  number of photos found, 1 if more names follow, then the names in order

local group, analyzed = KEYS[1], KEYS[2]
local max, after = tonumber(ARGV[1]), ARGV[2]
local conditions = #KEYS - 2
local reply = { 0, 0 }

local function answer(name)
  if #reply - 2 < max then reply[#reply + 1] = name else reply[2] = 1 end
end

if conditions == 0 then
  reply[1] = redis.call('ZCARD', group)
  local from = after == '' and '-' or '(' .. after
  for _, name in ipairs(redis.call('ZRANGEBYLEX', group, from, '+', 'LIMIT', 0, max + 1)) do
    answer(name)
  end
  return reply
end

local CHUNK = 500
local from, names = '-', nil
repeat
  names = redis.call('ZRANGEBYLEX', group, from, '+', 'LIMIT', 0, CHUNK)
  if #names > 0 then
    local known = redis.call('ZMSCORE', analyzed, unpack(names))
    for i = 1, conditions do
      local scores = redis.call('ZMSCORE', KEYS[2 + i], unpack(names))
      local above, threshold = ARGV[1 + 2 * i] == '>', tonumber(ARGV[2 + 2 * i])
      for at, score in ipairs(scores) do
        local has = score and tonumber(score)
        if above then
          if not has or has <= threshold then known[at] = false end
        elseif has and has >= threshold then
          known[at] = false
        end
      end
    end
    for at, name in ipairs(names) do
      if known[at] then
        reply[1] = reply[1] + 1
        if name > after then answer(name) end
      end
    end
    from = '(' .. names[#names]
  end
until #names < CHUNK
return reply

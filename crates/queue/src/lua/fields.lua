-- Shared by the scripts after it: a field of a stream's entry, or `otherwise`
-- where the entry lacks it.
local function field(entry, name, otherwise)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return otherwise
end


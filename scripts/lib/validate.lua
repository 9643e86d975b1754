-- What clients may say. Each function returns what it read, or nil with an error
-- code and a sentence for the client. JSON's null means the same as leaving a key out.

local validate = {}

local MAX_ID_BYTES, MAX_IDS, MAX_EVENTS = 128, 1000, 16
local SINCE = "since must be an id, or with market_ids an object of an id for each market"

local function malformed()
  return nil, "invalid_format", "Invalid message format"
end

local function refused(sentence)
  return nil, "invalid_option", sentence
end

local function given(value)
  if value ~= cjson.null then return value end
end

-- Arrays and objects are both tables once decoded; an empty one may have been either.
local function is_array(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local function is_list_of_types(value)
  if type(value) ~= "table" or #value == 0 or #value > MAX_EVENTS then return false end
  for _, name in ipairs(value) do
    if type(name) ~= "string" then return false end
  end
  return true
end

-- The decoded message: an object with a string `action`.
function validate.message(payload, binary)
  if binary then return malformed() end
  local ok, message = pcall(cjson.decode, payload)
  if not ok or type(message) ~= "table" or type(message.action) ~= "string" then
    return malformed()
  end
  return message
end

-- The list of markets that a message is about, from `market_id` or `market_ids`.
function validate.market_ids(message)
  local one, many = given(message.market_id), given(message.market_ids)
  if one ~= nil and many ~= nil then
    return refused("market_id and market_ids cannot be given together")
  end

  local ids = many
  if many == nil then ids = { one } end
  if not is_array(ids) or #ids > MAX_IDS then
    return refused("market_ids must be an array of at most " .. MAX_IDS .. " market ids")
  end

  -- An empty list is checked as one missing id.
  for i = 1, math.max(#ids, 1) do
    local id = given(ids[i])
    if id == nil or id == "" then
      return nil, "market_id_required", "market_id required for " .. message.action .. " action"
    end
    if type(id) ~= "string" or #id > MAX_ID_BYTES or id:find("%c") then return malformed() end
  end
  return ids
end

-- Resume points by market, from one id for all of them or an object of one for each.
local function since_by_market(message, ids)
  local since, points = given(message.since), {}
  if since == nil or type(since) == "string" then
    for _, id in ipairs(ids) do points[id] = since end
    return points
  end

  if type(since) ~= "table" or given(message.market_ids) == nil then return refused(SINCE) end
  for id, point in pairs(since) do
    points[id] = given(point)
    local named = type(id) == "string" and (points[id] == nil or type(point) == "string")
    if not named then return refused(SINCE) end
  end
  return points
end

-- A position as PostgreSQL writes it: two numbers of 1 to 8 hexadecimal digits.
local function is_lsn(value)
  if type(value) ~= "string" then return false end
  local high, low = value:match("^(%x+)/(%x+)$")
  return high ~= nil and #high <= 8 and #low <= 8
end

-- The options of a subscribe for these markets: `since` by market; `after_lsn`, `snapshot` and
-- `events` where chosen.
function validate.options(message, ids)
  local events = given(message.events)
  if events ~= nil and not is_list_of_types(events) then
    return refused("events must be an array of 1 to " .. MAX_EVENTS .. " event types")
  end
  local snapshot = given(message.snapshot)
  if snapshot ~= nil and type(snapshot) ~= "boolean" then
    return refused("snapshot must be true or false")
  end

  local after_lsn = given(message.after_lsn)
  if after_lsn ~= nil and not is_lsn(after_lsn) then
    return refused("after_lsn must be a position in the log, like 0/16B3748")
  end

  local since, code, sentence = since_by_market(message, ids)
  if not since then return nil, code, sentence end
  return { since = since, after_lsn = after_lsn, snapshot = snapshot or nil, events = events }
end

return validate

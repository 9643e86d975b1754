-- What clients may say. Each function returns what it read, or nil with an error
-- code and a sentence for the client. JSON's null means the same as leaving a key out.

local schema = require "lib.schema"

local given = schema.given

-- The fields of an action of one's own: see lib/schema.lua.
local validate = { fields = schema.read }

local MAX_ID_BYTES, MAX_IDS, MAX_EVENTS = 128, 1000, 16
local SINCE = "since must be an id, or with market_ids an object of an id for each market"

local function malformed()
  return nil, "invalid_format", "Invalid message format"
end

local function refused(sentence)
  return nil, "invalid_option", sentence
end

-- Arrays and objects are both tables once decoded; an empty one may have been either.
local function is_array(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
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
  local high, low = value:match("^(%x+)/(%x+)$")
  return high ~= nil and #high <= 8 and #low <= 8
end

local OPTIONS = {
  events = {
    "list",
    of = { "string", min = 0 },
    min = 1,
    max = MAX_EVENTS,
    says = "an array of 1 to " .. MAX_EVENTS .. " event types",
  },
  snapshot = { "boolean" },
  after_lsn = { "string", test = is_lsn, says = "a position in the log, like 0/16B3748" },
}

-- The options of a subscribe for these markets: `since` by market; `after_lsn`, `snapshot` and
-- `events` where chosen.
function validate.options(message, ids)
  local options, code, sentence = schema.read(message, OPTIONS)
  if not options then return nil, code, sentence end
  options.snapshot = options.snapshot or nil
  options.since, code, sentence = since_by_market(message, ids)
  if not options.since then return nil, code, sentence end
  return options
end

return validate

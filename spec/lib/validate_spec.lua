local validate = require "lib.validate"

local null = cjson.null
local FORMAT = { nil, "invalid_format", "Invalid message format" }

local function outcome(...)
  return { ... }
end

describe("a client message", function()
  it("is an object with a string action", function()
    assert.same({ action = "ping", extra = 1 }, validate.message('{"action":"ping","extra":1}'))
  end)

  local malformed = {
    ["nothing"] = "",
    ["no JSON"] = "subscribe",
    ["JSON cut short"] = '{"action":"ping"',
    ["JSON with more behind it"] = '{"action":"ping"} x',
    ["a number that JSON does not have"] = '{"action":"ping","x":NaN}',
    ["an array"] = '["subscribe"]',
    ["an empty array"] = "[]",
    ["an empty object"] = "{}",
    ["a string"] = '"ping"',
    ["a number"] = "1",
    ["null"] = "null",
    ["a number as action"] = '{"action":1}',
    ["null as action"] = '{"action":null}',
    ["an object as action"] = '{"action":{"a":"ping"}}',
    ["too deep an object"] = '{"action":"ping","x":' .. ("["):rep(8) .. ("]"):rep(8) .. "}",
  }
  for what, payload in pairs(malformed) do
    it("is not " .. what, function()
      assert.same(FORMAT, outcome(validate.message(payload, false)))
    end)
  end

  it("is not binary, whatever it holds", function()
    assert.same(FORMAT, outcome(validate.message('{"action":"ping"}', true)))
  end)
end)

describe("the markets of a message", function()
  local function ids(message)
    message.action = "subscribe"
    return outcome(validate.market_ids(message))
  end

  local REQUIRED = { nil, "market_id_required", "market_id required for subscribe action" }
  local TOGETHER =
    { nil, "invalid_option", "market_id and market_ids cannot be given together" }
  local LIST =
    { nil, "invalid_option", "market_ids must be an array of at most 1000 market ids" }

  it("are one market_id or the list of market_ids", function()
    assert.same({ { "a" } }, ids { market_id = "a" })
    assert.same({ { "b", "a" } }, ids { market_ids = { "b", "a" } })
  end)

  it("may repeat and be null in the other spelling", function()
    assert.same({ { "a", "a" } }, ids { market_ids = { "a", "a" } })
    assert.same({ { "a" } }, ids { market_id = "a", market_ids = null })
    assert.same({ { "a" } }, ids { market_id = null, market_ids = { "a" } })
  end)

  it("are required: not missing, null or empty", function()
    assert.same(REQUIRED, ids {})
    assert.same(REQUIRED, ids { market_id = null })
    assert.same(REQUIRED, ids { market_id = "" })
    assert.same(REQUIRED, ids { market_ids = {} })
    assert.same(REQUIRED, ids { market_ids = { "a", "" } })
    assert.same(REQUIRED, ids { market_ids = { "a", null } })
  end)

  it("are named for the action that misses them", function()
    local _, _, sentence = validate.market_ids { action = "unsubscribe" }
    assert.equal("market_id required for unsubscribe action", sentence)
  end)

  it("are strings of 1 to 128 bytes", function()
    local longest = ("x"):rep(128)
    assert.same({ { longest } }, ids { market_id = longest })
    assert.same(FORMAT, ids { market_id = longest .. "x" })
    assert.same(FORMAT, ids { market_id = ("ö"):rep(64) .. "x" })
    for _, wrong in ipairs { 1, true, false, { "a" } } do
      assert.same(FORMAT, ids { market_id = wrong })
      assert.same(FORMAT, ids { market_ids = { "a", wrong } })
    end
  end)

  it("hold no control characters, but any other text", function()
    for _, wrong in ipairs { "a\nb", "\0", "a\127", "\tx", "\27[31m" } do
      assert.same(FORMAT, ids { market_id = wrong })
    end
    assert.same({ { "Wählt Köln? 🗳 100%" } }, ids { market_id = "Wählt Köln? 🗳 100%" })
  end)

  it("come in one spelling at a time", function()
    assert.same(TOGETHER, ids { market_id = "a", market_ids = { "b" } })
    assert.same(TOGETHER, ids { market_id = "", market_ids = {} })
  end)

  it("come as an array where there are several", function()
    for _, wrong in ipairs { "a", 1, true, false, { a = "b" } } do
      assert.same(LIST, ids { market_ids = wrong })
    end
  end)

  it("are at most 1000", function()
    local many = {}
    for i = 1, 1000 do many[i] = "m" .. i end
    assert.same({ many }, ids { market_ids = many })
    many[1001] = "m1001"
    assert.same(LIST, ids { market_ids = many })
  end)
end)

describe("the options of a subscribe", function()
  local SINCE = {
    nil,
    "invalid_option",
    "since must be an id, or with market_ids an object of an id for each market",
  }
  local EVENTS = { nil, "invalid_option", "events must be an array of 1 to 16 event types" }
  local AFTER_LSN =
    { nil, "invalid_option", "after_lsn must be a position in the log, like 0/16B3748" }
  local SNAPSHOT = { nil, "invalid_option", "snapshot must be true or false" }

  local function one(message)
    message.market_id = "a"
    return outcome(validate.options(message, { "a" }))
  end
  local function two(message)
    message.market_ids = { "a", "b" }
    return outcome(validate.options(message, { "a", "b" }))
  end

  it("may be absent or null", function()
    assert.same({ { since = {} } }, one {})
    assert.same({ { since = {} } }, one {
      since = null,
      after_lsn = null,
      events = null,
      snapshot = null,
    })
  end)

  it("take since as one id for all markets", function()
    assert.same({ { since = { a = "7f" } } }, one { since = "7f" })
    assert.same({ { since = { a = "7f", b = "7f" } } }, two { since = "7f" })
  end)

  it("take since as an object of one id for each market", function()
    assert.same({ { since = { a = "7f", b = "80" } } }, two { since = { a = "7f", b = "80" } })
    assert.same({ { since = { b = "80" } } }, two { since = { a = null, b = "80" } })
    assert.same({ { since = {} } }, two { since = {} })
  end)

  it("leave it to the router whether an id is known", function()
    assert.same({ { since = { a = "" } } }, one { since = "" })
  end)

  it("refuse any other since", function()
    for _, wrong in ipairs { 7, true, false, { "7f" }, { a = 7 }, { a = "7f", b = { "7f" } } } do
      assert.same(SINCE, two { since = wrong })
    end
    assert.same(SINCE, one { since = { a = "7f" } })
  end)

  it("take the event types to be sent", function()
    local events = { "trade", "vote" }
    assert.same({ { since = {}, events = events } }, one { events = events })
  end)

  it("refuse any other events", function()
    local too_many = {}
    for i = 1, 17 do too_many[i] = "type" .. i end
    for _, wrong in ipairs {
      "trade", 1, true, false, {}, { trade = true }, { 1 }, { "trade", null }, { {} }, too_many,
    } do
      assert.same(EVENTS, one { events = wrong })
    end
  end)

  it("take the position behind which to confirm", function()
    for _, lsn in ipairs { "0/16B3748", "0/0", "ffffffff/FFFFFFFF" } do
      assert.same({ { since = {}, after_lsn = lsn } }, one { after_lsn = lsn })
    end
    assert.same({ { since = {} } }, one { after_lsn = null })
  end)

  it("refuse any other after_lsn", function()
    for _, wrong in ipairs {
      "", "0", "/", "0/", "/0", "0/G", " 0/1", "0/1 ", "0/1\n", "0/123456789", "123456789/0",
      "0/1/2", "-1/0", "0/1\0", "7f", 7, true, false, {}, { "0/1" },
    } do
      assert.same(AFTER_LSN, one { after_lsn = wrong })
    end
  end)

  it("take whether a snapshot is wanted", function()
    assert.same({ { since = {}, snapshot = true } }, one { snapshot = true })
    assert.same({ { since = {} } }, one { snapshot = false })
    for _, wrong in ipairs { "true", 0, 1, {} } do
      assert.same(SNAPSHOT, one { snapshot = wrong })
    end
  end)
end)

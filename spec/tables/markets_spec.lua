local helper = require "spec.helper"
local lmsr = require "lib.lmsr"

local markets = helper.script "tables/markets"
local null = rowcast.null

local function row(changed)
  local columns = {
    id = "market-123",
    question = "Will it rain tomorrow?",
    state = "ACTIVE",
    b = "100",
    yes_shares = 120,
    no_shares = 80,
    creator_wallet = null,
    created_at = "2025-11-09T12:00:00.000Z",
    updated_at = "2025-11-09T12:30:00.000Z",
  }
  for name, value in pairs(changed or {}) do columns[name] = value end
  return columns
end

local function insert(columns) return markets.insert(helper.row(columns)) end
local function update(new, old) return markets.update(helper.row(new), helper.row(old)) end
local function delete(columns) return markets.delete(helper.row(columns)) end

describe("a new market", function()
  local event = insert(row { state = "PROPOSED" })

  it("is a market_state event to its subscribers", function()
    assert.equal("market_state", event.type)
    assert.equal("market-123", event.topic)
    assert.equal("market-123", event.market_id)
  end)

  it("was created and had no state before", function()
    assert.equal("created", event.data.action)
    assert.equal(null, event.data.old_state)
    assert.equal("PROPOSED", event.data.new_state)
  end)

  it("carries the whole row, NULLs too, and the prices", function()
    local price_yes, price_no = lmsr.price(120, 80, 100)
    assert.same({
      id = "market-123",
      question = "Will it rain tomorrow?",
      state = "PROPOSED",
      b = "100",
      yes_shares = 120,
      no_shares = 80,
      creator_wallet = null,
      created_at = "2025-11-09T12:00:00.000Z",
      updated_at = "2025-11-09T12:30:00.000Z",
      price_yes = price_yes,
      price_no = price_no,
    }, event.data.market)
  end)

  it("says nothing of its own about id and timestamp, which the core adds", function()
    assert.is_nil(event.id)
    assert.is_nil(event.timestamp)
  end)
end)

describe("a changed market", function()
  it("was updated from one state to another", function()
    local event = update(row { state = "RESOLVING" }, row())
    assert.equal("updated", event.data.action)
    assert.equal("ACTIVE", event.data.old_state)
    assert.equal("RESOLVING", event.data.new_state)
  end)

  it("is shown as it is now", function()
    local event = update(row { yes_shares = 200 }, row { yes_shares = 0 })
    assert.equal(200, event.data.market.yes_shares)
    assert.equal(lmsr.price(200, 80, 100), event.data.market.price_yes)
  end)

  it("has an unknown old state where the old row is the key only, or nothing", function()
    assert.equal(null, update(row(), { id = "market-123" }).data.old_state)
    assert.equal(null, update(row(), nil).data.old_state)
  end)
end)

describe("a deleted market", function()
  it("is shown as it was last", function()
    local event = delete(row { state = "CANCELLED" })
    assert.equal("deleted", event.data.action)
    assert.equal("CANCELLED", event.data.old_state)
    assert.equal(null, event.data.new_state)
    assert.equal("Will it rain tomorrow?", event.data.market.question)
    assert.equal(lmsr.price(120, 80, 100), event.data.market.price_yes)
  end)

  it("is shown with what is known of it", function()
    local event = delete { id = "market-123" }
    assert.equal("market-123", event.market_id)
    assert.equal(null, event.data.old_state)
    assert.same({ id = "market-123", price_yes = null, price_no = null }, event.data.market)
  end)
end)

describe("the market in an event", function()
  local function market(changed) return insert(row(changed)).data.market end

  it("has shares as numbers, whatever the column's type", function()
    local shown = market { yes_shares = "120.5", no_shares = "9000000000" }
    assert.equal(120.5, shown.yes_shares)
    assert.equal(9000000000, shown.no_shares)
    assert.equal(lmsr.price(120.5, 9000000000, 100), shown.price_yes)
  end)

  it("leaves shares alone that are no numbers, and has no price", function()
    local shown = market { yes_shares = "NaN", no_shares = null }
    assert.equal("NaN", shown.yes_shares)
    assert.equal(null, shown.no_shares)
    assert.equal(null, shown.price_yes)
    assert.equal(null, shown.price_no)
  end)

  it("has no price without a positive b", function()
    for _, b in ipairs { 0, "0", -5, "-5", "NaN", "Infinity", null } do
      local shown = market { b = b }
      assert.equal(null, shown.price_yes)
      assert.equal(null, shown.price_no)
    end
  end)

  it("has a price at any size", function()
    local shown = market { yes_shares = 1e308, no_shares = -1e308, b = 1e-300 }
    assert.equal(1, shown.price_yes)
    assert.equal(0, shown.price_no)
  end)

  it("keeps columns it has never heard of, json untouched", function()
    local tags = { "weather" }
    local shown = market { tags = tags, volume = "12.50" }
    assert.equal(tags, shown.tags)
    assert.equal("12.50", shown.volume)
  end)
end)

describe("a markets table that has drifted", function()
  it("may lack every column but its id", function()
    local event = insert { id = "market-123" }
    assert.equal(null, event.data.new_state)
    assert.same({ id = "market-123", price_yes = null, price_no = null }, event.data.market)
  end)

  it("may have a number as id", function()
    assert.equal("42", insert(row { id = 42 }).topic)
    assert.equal("42", insert(row { id = 42 }).market_id)
  end)

  it("fails by name without its id", function()
    local says = "scripts/tables/markets.lua:%d+: column id is missing"
    assert.matches(says, helper.raised(insert, { question = "?" }))
    assert.matches(says, helper.raised(update, { id = null }, row()))
    assert.matches(says, helper.raised(delete, { question = "?" }))
    assert.matches(says, helper.raised(delete, nil))
  end)
end)

describe("a snapshot of a market", function()
  it("is its row, first of all", function()
    assert.same({ where = "id = $1", rank = 1 }, markets.snapshot)
  end)

  it("is told as if it had been created", function()
    local event = insert(row())
    assert.equal("created", event.data.action)
    assert.equal(null, event.data.old_state)
  end)
end)

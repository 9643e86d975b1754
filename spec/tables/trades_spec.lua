local helper = require "spec.helper"
local lmsr = require "lib.lmsr"

local trades = helper.script "tables/trades"

local function row(changed)
  local columns = {
    id = "1",
    market_id = "market-123",
    user_wallet = "0xabc",
    trade_type = "buy",
    outcome = true,
    shares = "10.5",
    cost = "1050",
    created_at = "2025-11-09T12:00:00.000Z",
  }
  for name, value in pairs(changed or {}) do columns[name] = value end
  return columns
end

local function trade(changed)
  return { op = "insert", table = "trades", new = row(changed) }
end

local function market(yes, id)
  return { id = id or "market-123", yes_shares = yes, no_shares = 0, b = "100" }
end

local function update(from, to, id)
  return { op = "update", table = "markets", old = market(from, id), new = market(to, id) }
end

local function price(yes)
  return (lmsr.price(yes, 0, 100))
end

-- The trades among the events of a transaction, as { before, after } in YES shares.
local function moves(changes)
  local found = {}
  for _, event in ipairs(helper.commit(changes)) do
    if event.type == "trade" then
      found[#found + 1] = { event.data.price_before, event.data.price_after }
      if event.data.price_before then
        local impact = event.data.price_after - event.data.price_before
        assert.equal(impact, event.data.price_impact)
      else
        assert.is_nil(event.data.price_impact)
      end
    end
  end
  return found
end

local function way(from, to)
  return { price(from), price(to) }
end

describe("a trade", function()
  it("is an event of its market", function()
    assert.same({
      {
        type = "trade",
        topic = "market-123",
        market_id = "market-123",
        data = {
          trade_type = "buy",
          outcome = true,
          shares = "10.5",
          cost = "1050",
          user_wallet = "0xabc",
          created_at = "2025-11-09T12:00:00.000Z",
        },
      },
    }, helper.commit { trade() })
  end)

  it("keeps a false outcome", function()
    assert.is_false(helper.commit({ trade { outcome = false } })[1].data.outcome)
  end)

  it("has shares and cost as strings, whatever the column's type", function()
    local data = helper.commit({ trade { shares = 0.25, cost = 1e15 } })[1].data
    assert.equal("0.25", data.shares)
    assert.equal("1000000000000000", data.cost)
  end)

  it("is told once, when it is made", function()
    assert.is_nil(trades.update)
    assert.is_nil(trades.delete)
  end)
end)

describe("the price of a trade", function()
  it("is that of the market updated in the same transaction", function()
    assert.same({ way(0, 10) }, moves { trade(), update(0, 10) })
  end)

  it("does not depend on which of the two came first", function()
    assert.same({ way(0, 10) }, moves { update(0, 10), trade() })
  end)

  it("falls with a sale", function()
    local data = helper.commit({ trade(), update(10, 0) })[1].data
    assert.is_true(data.price_impact < 0)
    assert.equal(0.5, data.price_after)
  end)

  it("reads exact column types and number ids too", function()
    local changes = { trade { market_id = "7" }, update("0", "10", 7) }
    assert.same({ way(0, 10) }, moves(changes))
  end)

  it("pairs as many updates as trades in order", function()
    assert.same(
      { way(0, 10), way(10, 30) },
      moves { trade(), update(0, 10), trade(), update(10, 30) }
    )
    assert.same(
      { way(0, 10), way(10, 30) },
      moves { trade(), trade(), update(0, 10), update(10, 30) }
    )
  end)

  it("spans the whole transaction where they cannot be paired", function()
    assert.same({ way(0, 30), way(0, 30) }, moves { trade(), trade(), update(0, 30) })
    assert.same({ way(0, 30) }, moves { trade(), update(0, 10), update(10, 30) })
  end)

  it("leaves other markets and other changes out of it", function()
    assert.same({ way(0, 10), way(5, 6) }, moves {
      { op = "insert", table = "markets", new = market(99) },
      update(5, 6, "other"),
      trade(),
      trade { market_id = "other" },
      update(0, 10),
      { op = "delete", table = "trades", old = { id = "9" } },
      { op = "truncate", table = "votes" },
    })
  end)

  it("is absent where the transaction did not update the market", function()
    assert.same({ {} }, moves { trade() })
    assert.same({ {} }, moves { trade(), update(0, 10, "other") })
  end)

  it("is absent where the market's old row is not known", function()
    local without = { op = "update", table = "markets", new = market(10) }
    assert.same({ {} }, moves { trade(), without })
    without.old = { id = "market-123" }
    assert.same({ {} }, moves { trade(), without })
  end)

  it("is absent where there is no price", function()
    for _, wrong in ipairs { "NaN", "Infinity", "many", rowcast.null } do
      assert.same({ {} }, moves { trade(), update(0, wrong) })
      assert.same({ {} }, moves { trade(), update(wrong, 0) })
    end
    local flat = update(0, 10)
    flat.new.b, flat.old.b = 0, 0
    assert.same({ {} }, moves { trade(), flat })
  end)

  it("stays finite at huge shares", function()
    local data = helper.commit({ trade(), update(-1e308, 1e308) })[1].data
    assert.same({ 0, 1, 1 }, { data.price_before, data.price_after, data.price_impact })
  end)

  it("is absent where the transaction is too large to look through", function()
    local ctx = helper.ctx({ trade() }, 1)
    ctx.rows = function() return nil, "too many changes" end
    assert.is_nil(trades.insert(helper.row(row()), ctx).data.price_before)
  end)
end)

describe("a trades table that has drifted", function()
  it("may lack every column but the market's id", function()
    local bare = { op = "insert", table = "trades", new = { market_id = "market-123" } }
    assert.same({}, helper.commit({ bare })[1].data)
    assert.same({ way(0, 10) }, moves { bare, update(0, 10) })
  end)

  it("may have a markets table that lacks columns", function()
    local bare = { id = "market-123", state = "ACTIVE" }
    assert.same({ {} }, moves {
      trade(),
      { op = "update", table = "markets", old = bare, new = bare },
    })
  end)

  it("fails by name without the market's id", function()
    local says = "scripts/tables/trades.lua:%d+: column market_id is missing"
    for _, id in ipairs { rowcast.null, "" } do
      assert.matches(says, helper.raised(helper.commit, { trade { market_id = id } }))
    end
  end)
end)

describe("a snapshot of trades", function()
  it("has the newest hundred of the market, the oldest of them first", function()
    local snapshot = trades.snapshot
    assert.equal("market_id = $1", snapshot.where)
    assert.equal("created_at desc, ctid desc", snapshot.order)
    assert.equal(100, snapshot.limit)
    assert.is_true(snapshot.reverse)
    assert.equal(2, snapshot.rank)
  end)
end)

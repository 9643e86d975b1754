local helper = require "spec.helper"

local votes = helper.script "tables/votes"

local function row(changed)
  local columns = {
    id = "1",
    market_id = "market-123",
    user_wallet = "0xabc",
    vote_type = "proposal",
    vote = true,
    created_at = "2025-11-09T12:00:00.000Z",
  }
  for name, value in pairs(changed or {}) do columns[name] = value end
  return helper.row(columns)
end

describe("a vote", function()
  it("is an event of its market", function()
    assert.same({
      type = "vote",
      topic = "market-123",
      market_id = "market-123",
      data = {
        vote_type = "proposal",
        vote = true,
        user_wallet = "0xabc",
        created_at = "2025-11-09T12:00:00.000Z",
      },
    }, votes.insert(row()))
  end)

  it("may be a no, in a dispute", function()
    local data = votes.insert(row { vote_type = "dispute", vote = false }).data
    assert.equal("dispute", data.vote_type)
    assert.is_false(data.vote)
  end)

  it("is told once, when it is cast", function()
    assert.is_nil(votes.update)
    assert.is_nil(votes.delete)
  end)
end)

describe("a votes table that has drifted", function()
  it("may lack every column but the market's id", function()
    assert.same({}, votes.insert(helper.row { market_id = "market-123" }).data)
  end)

  it("may have a number as the market's id", function()
    assert.equal("42", votes.insert(row { market_id = 42 }).topic)
  end)

  it("fails by name without the market's id", function()
    local says = "scripts/tables/votes.lua:%d+: column market_id is missing"
    assert.matches(says, helper.raised(votes.insert, row { market_id = rowcast.null }))
  end)
end)

describe("a snapshot of votes", function()
  it("has the newest hundred of the market, the oldest of them first", function()
    local snapshot = votes.snapshot
    assert.equal("market_id = $1", snapshot.where)
    assert.equal("created_at desc, ctid desc", snapshot.order)
    assert.equal(100, snapshot.limit)
    assert.is_true(snapshot.reverse)
    assert.equal(3, snapshot.rank)
  end)
end)

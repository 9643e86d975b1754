local helper = require "spec.helper"

local discussions = helper.script "tables/discussions"

local function row(changed)
  local columns = {
    id = "comment-1",
    market_id = "market-123",
    user_wallet = "0xabc",
    content = "I doubt it.",
    created_at = "2025-11-09T12:00:00.000Z",
  }
  for name, value in pairs(changed or {}) do columns[name] = value end
  return helper.row(columns)
end

describe("a comment", function()
  it("is a discussion event of its market", function()
    assert.same({
      type = "discussion",
      topic = "market-123",
      market_id = "market-123",
      data = {
        id = "comment-1",
        content = "I doubt it.",
        user_wallet = "0xabc",
        created_at = "2025-11-09T12:00:00.000Z",
      },
    }, discussions.insert(row()))
  end)

  it("goes out as it was written", function()
    local content = 'Ünïcode "quotes"\n\\ and <b>markup</b> 🗳'
    assert.equal(content, discussions.insert(row { content = content }).data.content)
    assert.equal("", discussions.insert(row { content = "" }).data.content)
  end)

  it("is told once, when it is written", function()
    assert.is_nil(discussions.update)
    assert.is_nil(discussions.delete)
  end)
end)

describe("a discussions table that has drifted", function()
  it("may lack every column but the market's id", function()
    assert.same({}, discussions.insert(helper.row { market_id = "market-123" }).data)
  end)

  it("may have a number as the market's id", function()
    assert.equal("42", discussions.insert(row { market_id = 42 }).topic)
  end)

  it("fails by name without the market's id", function()
    local says = "scripts/tables/discussions.lua:%d+: column market_id is missing"
    assert.matches(says, helper.raised(discussions.insert, row { market_id = "" }))
  end)
end)

describe("a snapshot of discussions", function()
  it("has the newest hundred of the market, the oldest of them first", function()
    local snapshot = discussions.snapshot
    assert.equal("market_id = $1", snapshot.where)
    assert.equal("created_at desc, ctid desc", snapshot.order)
    assert.equal(100, snapshot.limit)
    assert.is_true(snapshot.reverse)
    assert.equal(4, snapshot.rank)
  end)
end)

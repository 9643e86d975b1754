local column = require "lib.column"
local helper = require "spec.helper"

local function number(value) return column.number({ shares = value }, "shares") end
local function text(value) return column.text({ shares = value }, "shares") end

describe("a column as a number", function()
  it("comes from a number or from the text of an exact type", function()
    assert.equal(12, number(12))
    assert.equal(12, number("12"))
    assert.equal(-0.5, number("-0.50"))
    assert.equal(9007199254740992, number("9007199254740992"))
  end)

  it("is nil where there is none", function()
    for _, value in ipairs { "", "many", "NaN", "nan", "Infinity", "-Infinity", "inf", true, {} } do
      assert.is_nil(number(value))
    end
    assert.is_nil(number(nil))
    assert.is_nil(column.number(helper.row { shares = rowcast.null }, "shares"))
  end)

  it("is nil where a double cannot hold it", function()
    assert.is_nil(number("1" .. ("0"):rep(400)))
  end)
end)

describe("a column as text", function()
  it("leaves the text of an exact type as it is", function()
    assert.equal("100.00", text("100.00"))
    assert.equal("9223372036854775807", text("9223372036854775807"))
  end)

  it("writes whole numbers without exponent or fraction", function()
    assert.equal("0", text(0))
    assert.equal("-7", text(-7))
    assert.equal("1000000000000000", text(1e15))
    assert.equal("9007199254740992", text(2 ^ 53))
    assert.equal("100000000000000000000", text(1e20))
  end)

  it("writes other numbers as short as they read back the same", function()
    assert.equal("0.1", text(0.1))
    assert.equal("2.5", text(2.5))
    assert.equal(0.1 + 0.2, tonumber(text(0.1 + 0.2)))
    assert.equal(1 / 3, tonumber(text(1 / 3)))
  end)

  it("is nil for a column that is missing or NULL", function()
    assert.is_nil(text(nil))
    assert.is_nil(column.text(helper.row { shares = rowcast.null }, "shares"))
  end)
end)

describe("a key column", function()
  it("is text, also where the column is a number", function()
    assert.equal("market-123", column.key({ id = "market-123" }, "id"))
    assert.equal("42", column.key({ id = 42 }, "id"))
  end)

  it("names itself and the calling script when it has no value", function()
    local function script(row)
      local id = column.key(row, "id")
      return id
    end
    local says = "column_spec.lua:%d+: column id is missing, NULL or empty"
    for _, row in ipairs { {}, { id = "" }, helper.row { id = rowcast.null } } do
      assert.matches(says, helper.raised(script, row))
    end
    assert.matches(says, helper.raised(script, nil))
  end)
end)

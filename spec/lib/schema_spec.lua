require "spec.helper"
local schema = require "lib.schema"

local null = cjson.null

local function read(value, field)
  local fields, code, sentence = schema.read({ action = "do", x = value }, { x = field })
  return fields and fields.x, code, sentence
end

local function refused(field, ...)
  local told
  for _, value in ipairs { ... } do
    local _, code, sentence = read(value, field)
    assert.equal("invalid_option", code, tostring(value))
    told = sentence
  end
  return told
end

describe("a field", function()
  it("may be left out, or null", function()
    assert.same({}, (schema.read({ action = "do" }, { x = { "string" } })))
    assert.is_nil(read(null, { "string" }))
  end)

  it("may be required", function()
    for _, value in ipairs { null, "" } do
      local _, code, sentence = read(value, { "string", required = true })
      assert.same({ "x_required", "x required for do action" }, { code, sentence })
    end
    assert.equal("a", read("a", { "string", required = true }))
  end)

  it("of another name is nobody's business", function()
    assert.same({ x = 1 }, (schema.read({ x = 1, y = {} }, { x = { "integer" } })))
  end)

  it("may be a string of so many bytes", function()
    local field = { "string", max = 3 }
    assert.equal("abc", read("abc", field))
    assert.equal("x must be a string of 1 to 3 bytes", refused(field, "", "abcd", "a\n", 7, {}))
    assert.equal("x must be a string", refused({ "string" }, true))
    assert.equal("", read("", { "string", min = 0 }))
  end)

  it("may be a number within bounds", function()
    assert.equal(1.5, read(1.5, { "number", min = 1, max = 2 }))
    local field = { "number", min = 1, max = 2 }
    assert.equal("x must be a number of 1 to 2", refused(field, 0.9, 3, "1"))
    assert.equal("x must be a number of at most 2.5", refused({ "number", max = 2.5 }, 3))
    assert.equal("x must be a whole number of at least 1", refused({ "integer", min = 1 }, 0))
    assert.equal(-7, read(-7, { "integer" }))
    assert.equal("x must be a whole number", refused({ "integer" }, 1.5, "1", false))
  end)

  it("may be true or false", function()
    assert.is_false(read(false, { "boolean" }))
    assert.equal("x must be true or false", refused({ "boolean" }, 1, "true"))
  end)

  it("may be a list", function()
    local field = { "list", of = { "string" }, max = 2 }
    assert.same({ "a", "b" }, read({ "a", "b" }, field))
    assert.same({}, read({}, field))
    assert.equal("x must be an array of 0 to 2 values",
      refused(field, { "a", "b", "c" }, { 1 }, { a = 1 }, "a"))
  end)

  it("may have words and a test of its own", function()
    local field = { "string", test = function(value) return value == "ok" end, says = "ok" }
    assert.equal("ok", read("ok", field))
    assert.equal("x must be ok", refused(field, "no"))
  end)
end)

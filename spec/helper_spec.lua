local helper = require "spec.helper"

describe("pairs", function()
  it("walks numbers, then strings, ascending", function()
    local keys = {}
    for key in pairs { b = 1, a = 1, [2] = 1, [-1] = 1, [1.5] = 1, B = 1, [""] = 1 } do
      keys[#keys + 1] = key
    end
    assert.same({ -1, 1.5, 2, "", "B", "a", "b" }, keys)
  end)

  it("walks a table that loses keys on the way", function()
    local t, keys = { a = 1, b = 2, c = 3 }, {}
    for key in pairs(t) do
      keys[#keys + 1] = key
      t.b = nil
    end
    assert.same({ "a", "c" }, keys)
  end)
end)

describe("a row", function()
  it("reads NULL as nil and is whole again in an event", function()
    local row = helper.row { a = 1, b = rowcast.null }
    assert.is_nil(row.b)
    assert.same({ a = 2, b = rowcast.null, c = 3 }, rowcast.extend(row, { a = 2, c = 3 }))
    assert.equal(1, row.a)
  end)

  it("gives a large value to be measured, compared and passed on, not to be read", function()
    local text = ("x"):rep(1024 * 1024 + 1)
    local row, other = helper.row { v = text }, helper.row { v = text }
    assert.equal("userdata", type(row.v))
    assert.equal(#text, #row.v)
    assert.is_true(row.v == other.v)
    assert.is_false(row.v == helper.row({ v = text .. "y" }).v)
    local message = helper.raised(function() return row.v .. "y" end)
    assert.matches("the column 'v' holds 1048577 bytes", message, 1, true)
    assert.equal("string", type(helper.row({ v = ("x"):rep(1024 * 1024) }).v))
  end)
end)

describe("ctx.rows", function()
  local changes = {
    { op = "insert", table = "t", new = { id = "1", n = 5 } },
    { op = "update", table = "t", old = { id = "1", n = 5 }, new = { id = "2", n = 6 } },
    { op = "delete", table = "t", old = { id = "2", n = rowcast.null } },
    { op = "insert", table = "s", new = { id = "2" } },
    { op = "truncate", table = "t" },
  }

  local function places(...)
    local found = {}
    for i, change in ipairs(helper.ctx(changes, 1).rows(...)) do found[i] = change.index end
    return found
  end

  it("finds the changes of a table", function()
    assert.same({ 1, 2, 3, 5 }, places "t")
    assert.same({}, places "none")
  end)

  it("finds them by a value of their new, else old row", function()
    assert.same({ 2, 3 }, places("t", "id", "2"))
    assert.same({ 1 }, places("t", "n", 5))
    assert.same({ 1 }, places("t", "n", "5"))
    assert.same({}, places("t", "n", nil))
    assert.same({}, places("t", "none", "2"))
  end)

  it("finds them by what happened too", function()
    assert.same({ 3 }, places("t", "id", "2", "delete"))
    assert.same({}, places("t", "id", "2", "insert"))
  end)
end)

describe("a script", function()
  local env = getfenv(helper.script("client").connect)

  it("sees nothing outside the sandbox", function()
    for _, name in ipairs { "os", "io", "debug", "package", "jit", "loadstring", "print" } do
      assert.is_nil(env[name])
    end
    assert.is_nil(env.rawset)
    assert.is_nil(env.math.random)
    assert.is_nil(env.string.dump)
  end)

  it("finds the libraries by either name", function()
    assert.equal(env.require "lib.lmsr", env.require "lmsr")
    assert.has_error(function() env.require "os" end)
  end)

  it("cannot set globals", function()
    assert.has_error(function() env.counter = 1 end)
  end)
end)

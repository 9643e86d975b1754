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
end)

describe("a script", function()
  local env = getfenv(helper.script("client").connect)

  it("sees nothing outside the sandbox", function()
    for _, name in ipairs { "os", "io", "debug", "package", "jit", "loadstring", "print" } do
      assert.is_nil(env[name])
    end
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

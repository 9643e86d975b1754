local script = dofile "examples/echo/scripts/client.lua"
local config = dofile "examples/echo/scripts/config.lua"

describe("the echo", function()
  it("says nothing by itself", function()
    assert.is_nil(script.connect)
  end)

  it("sends what it got, of the same type", function()
    assert.same({ send = "hello", binary = false }, script.message({}, "hello", false))
    assert.same({ send = "\0\255", binary = true }, script.message({}, "\0\255", true))
    assert.same({ send = "", binary = false }, script.message({}, "", false))
  end)

  it("has limits that no suite of tests meets", function()
    assert.same("16MiB", config.max_message)
    assert.same(131072, config.max_fragments)
    assert.same("off", config.rate)
    assert.same("off", config.heartbeat)
  end)
end)

local coverage = require "spec.coverage"

local SCRIPT = [[
local function twice(n)
  if n > 100 then
    return nil

  end
  return 2 * n
end

return twice
]]

describe("coverage", function()
  local hook, mask = debug.gethook()
  local chunk = assert(loadstring(SCRIPT, "@scripts/twice.lua"))
  local counted = coverage.start()
  counted:add("scripts/twice.lua", chunk)
  local twice = chunk()
  twice(21)
  local some = counted:report()
  twice(101)
  local all = counted:report()
  counted.stop()
  debug.sethook(hook, mask)

  it("names the lines that were not run", function()
    assert.matches("scripts/twice.lua%s+%d+%s+%d%d%%  3\n", some)
  end)

  it("is 100% when all were", function()
    assert.matches("scripts/twice.lua%s+%d+%s+100%%\nall%s+%d+%s+100%%$", all)
  end)
end)

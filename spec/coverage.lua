-- Which lines of the scripts are run: a hook counts them, the compiled functions tell which there
-- are.

local jit = require "jit"
local jutil = require "jit.util"

local coverage = {}
coverage.__index = coverage

-- The lines of a function, and of those inside it, that can be run.
local function add_lines(lines, proto)
  for pc = 1, jutil.funcinfo(proto).bytecodes - 1 do
    local line = jutil.funcinfo(proto, pc).currentline
    if line and line > 0 then lines[line] = lines[line] or 0 end
  end
  for i = -1, -math.huge, -1 do
    local constant = jutil.funck(proto, i)
    if constant == nil then return end
    if type(constant) == "proto" then add_lines(lines, constant) end
  end
end

-- "3-5, 9" of ascending numbers.
local function ranges(numbers)
  local texts, i = {}, 1
  while numbers[i] do
    local last = i
    while numbers[last + 1] == numbers[last] + 1 do last = last + 1 end
    texts[#texts + 1] = last > i and numbers[i] .. "-" .. numbers[last] or tostring(numbers[i])
    i = last + 1
  end
  return table.concat(texts, ", ")
end

-- Counts from here on, in the files that are added.
function coverage.start()
  local self = setmetatable({ files = {}, sources = {} }, coverage)
  jit.off() -- compiled code calls no hooks
  jit.flush()
  debug.sethook(function(_, line)
    local lines = self.sources[debug.getinfo(2, "S").source]
    if lines and lines[line] then lines[line] = lines[line] + 1 end
  end, "l")
  return self
end

function coverage.stop()
  debug.sethook()
  jit.on()
end

-- `chunk` is what the file at `path` was compiled to.
function coverage:add(path, chunk)
  self.files[path] = self.files[path] or {}
  self.sources["@" .. path] = self.files[path]
  add_lines(self.files[path], chunk)
end

local function row(name, lines, run, missed)
  local share = lines > 0 and math.floor(100 * run / lines) or 100
  local text = ("%-52s %6d %5d%%  %s"):format(name, lines, share, missed)
  return (text:gsub("%s+$", ""))
end

-- A table of the files: their lines that can be run, how many were, and which were not.
function coverage:report()
  local rows = { ("%-52s %6s %6s  %s"):format("script", "lines", "run", "not run") }
  local all, all_run = 0, 0
  for path, lines in pairs(self.files) do
    local missed, count = {}, 0
    for line, hits in pairs(lines) do
      count = count + 1
      if hits == 0 then missed[#missed + 1] = line end
    end
    rows[#rows + 1] = row(path, count, count - #missed, ranges(missed))
    all, all_run = all + count, all_run + count - #missed
  end
  rows[#rows + 1] = row("all", all, all_run, "")
  return table.concat(rows, "\n")
end

return coverage

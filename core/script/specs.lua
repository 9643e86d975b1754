-- SPDX-License-Identifier: MIT
-- What specs use of busted and luassert, for running them in the core's own VM: rowcast check
-- --specs. Scripts see the core's sandbox, rows are the core's; of spec/helper.lua only what makes
-- these is replaced.

local core, files = ...
local real, sandbox, debug = _G, core.sandbox, core.debug

-- ---- what specs and helpers see: the sandbox, then all of Lua but the machine ----

local tools = setmetatable({}, {
  __index = function(_, name)
    local value = sandbox[name]
    if value == nil then value = real[name] end
    return value
  end,
})
local helpers = setmetatable({}, { __index = tools }) -- what spec/helper.lua sets as globals

local function nothing() end

tools._G = tools
tools.os = { getenv = nothing }
tools.io = {
  write = nothing,
  open = function(path)
    local text = core.read(path)
    if not text then return nil, path .. ": cannot be read" end
    return {
      read = function() return text end, -- all of it, whatever is asked for
      lines = function() return text:gmatch "([^\n]*)\n?" end,
      close = nothing,
    }
  end,
}
tools.debug = { traceback = debug.traceback, getinfo = debug.getinfo, sethook = nothing }
tools.package = { loaded = {}, path = "", cpath = "" }

local function compile(path)
  local text = core.read(path)
  if not text then return nil, path .. ": cannot be read" end
  return real.loadstring(text, "@" .. path)
end

-- A script's globals: the sandbox's, with the require of the folder it is from and the log that
-- its helper keeps.
local function of_script(env)
  local own = { require = env.require }
  own.rowcast = setmetatable({
    log = function(level, message)
      sandbox.rowcast.log(level, message)
      if rawget(helpers, "rowcast") then helpers.rowcast.log(level, message) end
    end,
  }, { __index = sandbox.rowcast })
  return setmetatable(own, {
    __index = sandbox,
    __newindex = function(_, name)
      error("the global '" .. tostring(name) .. "' cannot be set", 2)
    end,
  })
end

local scripts = setmetatable({}, { __mode = "k" }) -- functions that loadfile made: their path

function tools.loadfile(path)
  local chunk, reason = compile(path)
  if chunk then scripts[real.setfenv(chunk, sandbox)] = path end
  return chunk, reason
end

function tools.dofile(path)
  return assert(tools.loadfile(path))()
end

-- What a script's functions return, with rows as they go out, for specs to look at.
local function with_plain_results(script)
  if type(script) ~= "table" then return script end
  local wrapped = {}
  for name, value in real.pairs(script) do
    wrapped[name] = value
    if type(value) == "function" then
      wrapped[name] = function(...) return core.plain(value(...)) end
    end
  end
  return wrapped
end

function tools.setfenv(f, env)
  local script = scripts[f]
  real.setfenv(f, script and of_script(env) or env)
  if not script or script:find("/lib/", 1, true) then return f end
  return function(...) return with_plain_results(f(...)) end
end

-- ---- require ----

local modules, assertions = tools.package.loaded, {}

local function register(_, kind, name, check)
  if kind == "assertion" then assertions[name:lower()] = check end
end

local json = {
  decode = sandbox.cjson.decode,
  null = sandbox.cjson.null,
  decode_max_depth = nothing,
  decode_invalid_numbers = nothing,
}
function json.new() return json end

modules.cjson = json
modules.luassert = { register = register }
modules.say = { set = nothing }
modules.busted = { subscribe = nothing }

-- The helper's own rows and lists are made by the core.
local function replace(helper)
  local plain = core.plain
  local check = helper.check
  helper.row = core.row
  helper.is_array = core.is_array
  if check then helper.check = function(result) return plain(check(result)) end end
  return helper
end

function tools.require(name)
  if modules[name] ~= nil then return modules[name] end
  local of_specs = name:match "^spec%."
  if not of_specs then return sandbox.require(name) end
  local chunk = assert(compile(name:gsub("%.", "/") .. ".lua"))
  local result = real.setfenv(chunk, helpers)()
  modules[name] = result == nil and true or result
  if name == "spec.helper" then replace(modules[name]) end
  return modules[name]
end

-- ---- luassert ----

local function shown(value, depth)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" or (depth or 0) > 4 then return sandbox.tostring(value) end
  local parts = {}
  for key, item in sandbox.pairs(value) do
    parts[#parts + 1] = tostring(key) .. " = " .. shown(item, (depth or 0) + 1)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in real.pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in real.pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function expected(result, wanted, got)
  return result, "expected " .. shown(wanted) .. ", got " .. shown(got)
end

local checks = {}
-- A table that was put into a row is another one when it is read from it: the core keeps its JSON.
function checks.equal(a, b) return expected(same(a, b), a, b) end
function checks.same(a, b) return expected(same(a, b), a, b) end
checks["true"] = function(a) return expected(a == true, true, a) end
checks["false"] = function(a) return expected(a == false, false, a) end
function checks.truthy(a) return (a and true or false), "expected something, got " .. shown(a) end
function checks.falsy(a) return not a, "expected nil or false, got " .. shown(a) end
function checks.near(a, b, tolerance) return expected(math.abs(a - b) <= tolerance, a, b) end

function checks.match(pattern, text, ...)
  return type(text) == "string" and text:find(pattern, ...) ~= nil,
    "expected what matches " .. shown(pattern) .. ", got " .. shown(text)
end

local function without_place(message)
  return type(message) == "string" and message:gsub("^.-:%d+: ", "", 1) or message
end

function checks.error(f, wanted)
  local ok, message = real.pcall(f)
  if ok then return false, "nothing was raised" end
  return wanted == nil or same(wanted, without_place(message)), "it raised " .. shown(message)
end

function checks.error_match(f, pattern)
  local ok, message = real.pcall(f)
  return not ok and tostring(message):find(pattern) ~= nil, "it raised " .. shown(message)
end

for _, kind in ipairs { "nil", "table", "string", "number", "boolean", "function", "userdata" } do
  checks[kind] = function(a)
    return type(a) == kind, "expected a " .. kind .. ", got " .. shown(a)
  end
end

local SYNONYMS = {
  equals = "equal", matches = "match", errors = "error", error_matches = "error_match",
  has_error_match = "error_match",
}
local FILLERS = {}
for word in ("are is has have does be was were a an"):gmatch "%S+" do FILLERS[word] = true end

-- "is_not_nil", or is.Not.Nil: what is checked, and whether it must not be so.
local function meaning(words)
  local rest, negative = {}, false
  for word in words:lower():gmatch "[^_]+" do
    if word == "not" or word == "no" then
      negative = not negative
    elseif not FILLERS[word] then
      rest[#rest + 1] = word
    end
  end
  local name = table.concat(rest, "_")
  return SYNONYMS[name] or name, negative
end

local function fail(message)
  error(setmetatable({}, { __tostring = function() return message end }), 0)
end

local function perform(words, ...)
  local name, negative = meaning(words)
  local arguments = core.plain { n = select("#", ...), ... }
  local result, reason
  if assertions[name] then
    result = assertions[name]({}, arguments)
    reason = name .. ":\n" .. tostring(arguments[1])
  elseif checks[name] then
    result, reason = checks[name](real.unpack(arguments, 1, arguments.n))
  else
    error("assert." .. words:gsub("_", ".") .. " is none of those that run in the core", 0)
  end
  if (result and true or false) == negative then
    fail(negative and "not expected: " .. name .. ", with " .. shown(arguments[1]) or reason)
  end
end

local function chain(words)
  return setmetatable({}, {
    __index = function(_, word) return chain(words == "" and word or words .. "_" .. word) end,
    __call = function(_, ...)
      if words == "" then return real.assert(...) end
      return perform(words, ...)
    end,
  })
end

tools.assert = chain ""
helpers.assert = real.assert -- which helpers call as a function

-- ---- busted ----

local blocks = {} -- under way, the outermost first: { name, before = {}, after = {} }
local path

-- The line of the spec that the innermost call is in.
local function line_of(level)
  for at = level, math.huge do
    local info = debug.getinfo(at, "Sl")
    if not info then return nil end
    if info.source == "@" .. path and info.currentline > 0 then return info.currentline end
  end
end

local function title(name)
  local parts = {}
  for i, block in ipairs(blocks) do parts[i] = block.name end
  parts[#parts + 1] = name
  return (table.concat(parts, " "):match "^ *(.-) *$")
end

-- `written` is the spec's own function, where `body` is not.
local function protect(name, body, written)
  local info = debug.getinfo(written or body, "S")
  local line = info.source == "@" .. path and info.linedefined or 1
  core.begin(("%s:%d: %s"):format(path, line, title(name)))
  local function handler(message)
    line = line_of(3) or line
    return tostring(message)
  end
  local ok, message = real.xpcall(body, handler)
  if not ok then
    core.failed(("%s:%d: %s: %s"):format(path, line, title(name), message))
  end
  return ok
end

local function run_all(kind, reverse)
  for i = 1, #blocks do
    local block = blocks[reverse and #blocks + 1 - i or i]
    for _, f in ipairs(block[kind]) do f() end
  end
end

function tools.describe(name, body)
  blocks[#blocks + 1] = { name = name, before = {}, after = {}, last = {} }
  protect("as a whole", body)
  for _, f in ipairs(blocks[#blocks].last) do protect("teardown", f) end
  blocks[#blocks] = nil
end

function tools.it(name, body)
  local ok = protect(name, function()
    run_all "before"
    body()
  end, body)
  ok = protect(name, function() run_all("after", true) end, body) and ok
  if ok then core.passed() end
end

local function adds_to(kind)
  return function(f) table.insert(blocks[#blocks][kind], f) end
end

tools.context, tools.insulate, tools.expose = tools.describe, tools.describe, tools.describe
tools.test, tools.spec = tools.it, tools.it
tools.before_each, tools.after_each = adds_to "before", adds_to "after"
tools.setup = function(f) f() end
tools.lazy_setup, tools.strict_setup = tools.setup, tools.setup
tools.teardown = adds_to "last"
tools.lazy_teardown, tools.strict_teardown = tools.teardown, tools.teardown
tools.pending = nothing

for _, file in ipairs(files) do
  path, blocks = file, {}
  local chunk, reason = compile(file)
  if not chunk then
    core.failed(reason)
  else
    tools.describe("", function() real.setfenv(chunk, tools)() end)
  end
end

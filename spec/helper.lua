-- Lets the scripts run unchanged without the core: the same globals (cjson, rowcast, an ordered
-- pairs) for everyone; rows, transactions and clients in a line; assert.events; the lines that no
-- spec runs (ROWCAST_COVERAGE=1 busted). One file, to be copied beside other scripts too: the
-- folder above it is the root that specs run from.

local helper = {}
package.loaded["spec.helper"] = helper
package.path = "./?.lua;scripts/?.lua;scripts/lib/?.lua;" .. package.path

--------------------------------------------------------------------------------
-- The core's globals

local function ascending(a, b)
  if type(a) ~= type(b) then return type(a) == "number" end
  return a < b
end

-- Numbers, then strings, ascending; keys of other types follow in no order.
function pairs(t)
  local keys, others = {}, {}
  for key in next, t do
    local sortable = type(key) == "number" or type(key) == "string"
    table.insert(sortable and keys or others, key)
  end
  table.sort(keys, ascending)
  for _, key in ipairs(others) do keys[#keys + 1] = key end

  local i = 0
  return function()
    repeat i = i + 1 until keys[i] == nil or rawget(t, keys[i]) ~= nil
    return keys[i], rawget(t, keys[i])
  end
end

local json = require("cjson").new()
json.decode_max_depth(8)
json.decode_invalid_numbers(false)

cjson = { decode = json.decode, null = json.null }

rowcast = { null = cjson.null }

local arrays = setmetatable({}, { __mode = "k" })
local nulls = setmetatable({}, { __mode = "k" })

function rowcast.array(t)
  arrays[t] = true
  return t
end

function rowcast.extend(row, fields)
  local copy = {}
  for _, name in ipairs(nulls[row] or {}) do copy[name] = rowcast.null end
  for name, value in pairs(row) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

function rowcast.log(level, message)
  helper.logged[#helper.logged + 1] = { level = level, message = message }
end

-- What scripts logged, newest last.
helper.logged = {}

-- Whether a table goes out as [] even when it is empty.
function helper.is_array(t)
  return arrays[t] == true
end

--------------------------------------------------------------------------------
-- Scripts, seeing what the sandbox shows them and nothing else

local SAFE = {
  "assert", "error", "getmetatable", "ipairs", "pcall", "rawequal", "rawget", "select",
  "setmetatable", "tonumber", "type", "unpack", "xpcall", "cjson", "rowcast",
}
local LIBRARIES = {
  math = [[abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max
    min modf pi pow rad sin sinh sqrt tan tanh]],
  string = "byte char find format gmatch gsub len lower match rep reverse sub upper",
  table = "concat insert maxn remove sort",
}

-- What the core says of a value, whose address would differ in every process.
local function plain(value)
  local kind = type(value)
  local meta = kind ~= "string" and getmetatable(value)
  if type(meta) == "table" and meta.__tostring then return tostring(value) end
  if value == cjson.null then return "null" end
  return (kind == "table" or kind == "function" or kind == "userdata") and kind or tostring(value)
end

local function format(pattern, ...)
  local values = { ... }
  if pattern:gsub("%%%%", ""):find("%%[-+ #%d.]*p") then
    error("string.format: %p would differ in every process", 2)
  end
  for i, value in next, values do
    if type(value) ~= "number" and type(value) ~= "string" then values[i] = plain(value) end
  end
  return string.format(pattern, unpack(values, 1, select("#", ...)))
end

-- Specs may walk what they like; for scripts a key that has no place in the order is an error.
local function strict_pairs(t)
  for key in next, t do
    if type(key) ~= "number" and type(key) ~= "string" then
      error("a table key that is a " .. type(key) .. " has no order", 2)
    end
  end
  return pairs(t)
end

local function ordered_next(t, key)
  local found = key == nil
  for name, value in strict_pairs(t) do
    if found then return name, value end
    found = name == key
  end
  if not found then error("invalid key to 'next'", 2) end
  return nil
end

local function print_to_log(...)
  local texts = { ... }
  for i = 1, select("#", ...) do texts[i] = plain(texts[i]) end
  rowcast.log("info", table.concat(texts, "\t"))
end

local function globals()
  local known = { tostring = plain, pairs = strict_pairs, next = ordered_next }
  known.print = print_to_log
  for _, name in ipairs(SAFE) do known[name] = _G[name] end
  for library, names in pairs(LIBRARIES) do
    known[library] = {}
    for name in names:gmatch "%S+" do known[library][name] = _G[library][name] end
  end
  known.string.format = format
  return known
end

local on_load -- called with each function that a script file was compiled to

local function load_file(path, env)
  local chunk = assert(loadfile(path))
  if on_load then on_load(path, chunk) end
  return setfenv(chunk, env)()
end

local function sandbox(folder)
  local known = globals()
  local env = setmetatable({}, {
    __index = known,
    __newindex = function(_, name) error("a script sets the global " .. name, 2) end,
  })
  local libs = {}
  function known.require(name)
    local path = folder .. "/lib/" .. name:gsub("^lib%.", ""):gsub("%.", "/") .. ".lua"
    if libs[path] == nil then
      local value = load_file(path, env)
      libs[path] = value == nil or value
    end
    return libs[path]
  end
  return env
end

--------------------------------------------------------------------------------
-- Rows and transactions

-- What a call raises, with the place it points at (luassert's error_matches hides that).
function helper.raised(call, ...)
  local ok, message = pcall(call, ...)
  assert(not ok, "nothing was raised")
  return message
end

local LARGEST = 1024 * 1024 -- bytes of a column that scripts read, with the usual lua_memory
local REFUSED = {
  "index", "newindex", "call", "tostring", "concat", "lt", "le", "add", "sub", "mul", "div", "mod",
  "pow", "unm",
}
local texts = setmetatable({}, { __mode = "k" })

local function same(a, b)
  return texts[a] == texts[b]
end

-- What a column of more bytes is for scripts: it can be measured, compared, and put into an event.
local function large(name, text)
  local value = newproxy(true)
  local meta = getmetatable(value)
  local reason = "the column '%s' holds %d bytes: a value of more than %d is not read by scripts"
  local function refuse() error(reason:format(name, #text, LARGEST), 2) end
  for _, method in ipairs(REFUSED) do meta["__" .. method] = refuse end
  meta.__len = function() return #text end
  meta.__eq = same
  meta.__metatable = false
  texts[value] = text
  return value
end

-- A row whose NULLs (rowcast.null) read nil, and are null again in rowcast.extend.
function helper.row(columns)
  if columns == nil or nulls[columns] then return columns end
  local row, missing = {}, {}
  for name, value in pairs(columns) do
    if value == rowcast.null then
      missing[#missing + 1] = name
    elseif type(value) == "string" and #value > LARGEST then
      row[name] = large(name, value)
    else
      row[name] = value
    end
  end
  nulls[row] = missing
  return row
end

-- Whether ctx.rows(name, key, value, op) has this change: its new (else old) row has the value.
local function is_searched(change, key, value, op)
  if key == nil then return true end
  local row = helper.row(change.new or change.old) or {}
  if row[key] == nil or value == nil or (op and op ~= change.op) then return false end
  return tostring(row[key]) == tostring(value)
end

local function copied(row, changed)
  if row == nil and changed == nil then return nil end
  local copy = {}
  for name, value in pairs(row or {}) do copy[name] = value end
  for name, value in pairs(changed or {}) do copy[name] = value end
  return copy
end

-- The changes of a transaction, as in recorded rows. `update` takes the columns that change.
function helper.insert(name, new) return { op = "insert", table = name, new = new } end

function helper.update(name, old, changed)
  return { op = "update", table = name, old = old, new = copied(old, changed) }
end

function helper.delete(name, old) return { op = "delete", table = name, old = old } end

function helper.truncate(name) return { op = "truncate", table = name } end

local function transaction(changes)
  return changes.op and { changes } or changes
end

local function short(name)
  return (name:gsub("^public%.", ""))
end

-- The ctx of the change at `index` (1) of a transaction: a change, or a list of them.
function helper.ctx(changes, index)
  changes, index = transaction(changes), index or 1
  local change = changes[index]
  local full = change.table and "public." .. short(change.table) or ""
  local schema, name = full:match "([^.]+)%.([^.]+)$"
  return {
    table = name,
    schema = schema,
    op = change.op,
    index = index,
    time = "2025-11-09T12:00:00.000Z",
    lsn = "0/16B3748",
    xid = 731,
    unchanged = change.unchanged or {},
    rows = function(wanted, key, value, op)
      if change.op == "snapshot" then
        return nil, "a snapshot shows rows, not the transactions that wrote them"
      end
      local rows = {}
      for i, other in ipairs(changes) do
        local here = other.table and short(other.table) == short(wanted)
        if here and is_searched(other, key, value, op) then
          local new, old = helper.row(other.new), helper.row(other.old)
          rows[#rows + 1] = { op = other.op, new = new, old = old, index = i }
        end
      end
      return rows
    end,
  }
end

local function call(handler, change, ctx)
  local new, old = helper.row(change.new), helper.row(change.old)
  if change.op == "message" then return handler(change.content, ctx) end
  if change.op == "insert" or change.op == "snapshot" then return handler(new, ctx) end
  if change.op == "update" then return handler(new, old, ctx) end
  if change.op == "delete" then return handler(old, ctx) end
  return handler(ctx)
end

-- What the core refuses.
local function check_event(event)
  local function refuse(what) error("the function returned " .. what, 0) end
  if type(event) ~= "table" then refuse "something that is no event" end
  if type(event.type) ~= "string" then refuse "an event without 'type'; a string is expected" end
  local topics = type(event.topic) == "table" and event.topic or { event.topic }
  if #topics == 0 or #topics > 16 then refuse "an event without 'topic', or of more than 16" end
  for _, topic in ipairs(topics) do
    if type(topic) ~= "string" or #topic == 0 or #topic > 255 then
      refuse "an event whose 'topic' is not 1 to 255 bytes long"
    end
  end
  for _, key in ipairs { "id", "timestamp", "snapshot" } do
    if event[key] ~= nil then refuse("an event that sets '" .. key .. "', which the core adds") end
  end
end

-- What a handler returned, one event or a list of them, as a list.
function helper.check(result)
  if not result then return {} end
  if type(result) ~= "table" then check_event(result) end
  local list = (#result > 0 or next(result) == nil) and result or { result }
  for _, event in ipairs(list) do check_event(event) end
  return list
end

--------------------------------------------------------------------------------
-- Clients

-- What the hooks are given; `fields` are put over the usual ones.
function helper.client(fields)
  return copied({
    id = "client_1699564800_abc123xyz",
    address = "192.0.2.7",
    path = "/ws",
    headers = {},
    subscriptions = {},
  }, fields)
end

-- A connected client: `welcome` holds what it was told first, `say` sends a message and
-- returns the list of answers; `closed` is the code it was closed with. Subscriptions are kept
-- as the core keeps them, every `since` can be recovered, and snapshots are of no rows.
local Connection = {}
Connection.__index = Connection

local function connect(script, fields)
  local self = setmetatable({ script = script, client = helper.client(fields) }, Connection)
  self.welcome = self:perform(script.connect and script.connect(self.client))
  return self
end

function Connection:say(payload, binary)
  return self:perform(self.script.message(self.client, payload, binary or false))
end

function Connection:perform(commands)
  local answers = {}
  local function perform(list)
    for _, command in ipairs(list and (list[1] and list or { list }) or {}) do
      if self.closed then return end
      if command.close then
        self.closed = command.close
      elseif command.state then
        self.client.state = command.state
      elseif command.format then
        assert(self.script.formats and self.script.formats[command.format], "no such format")
        self.format = command.format
      elseif command.send then
        answers[#answers + 1] = command.send
      else
        perform(self:effect(command))
        if command.snapshot and not command.since and self.script.snapshot_end then
          local result = { topic = command.subscribe, ref = command.ref, id = "0a1b" }
          perform(self.script.snapshot_end(self.client, result))
        end
      end
    end
  end
  perform(commands)
  return answers
end

function Connection:effect(command)
  local topic = command.subscribe or command.unsubscribe
  local result = { topic = topic, ref = command.ref, id = command.since or "0a1b" }
  local function hook(name)
    local body = self.script[name]
    return body and body(self.client, result)
  end
  if command.pong then return hook "pong" end

  local topics, at = self.client.subscriptions, nil
  for i, name in ipairs(topics) do
    if name == topic then at = i end
  end
  if command.subscribe and not at then table.insert(topics, topic) end
  if command.unsubscribe and at then table.remove(topics, at) end

  result.subscriptions, result.subscription_count = { unpack(topics) }, #topics
  if command.unsubscribe then return hook "unsubscribed" end
  result.recovered = command.since ~= nil
  if command.snapshot and not command.since then
    result.id, result.snapshot = nil, 0
  end
  return hook "subscribed"
end

-- The event in the shape that this client gets: a string, or a table that goes out as JSON.
function Connection:shape(event)
  if not self.format then return event end
  return self.script.formats[self.format](event)
end

--------------------------------------------------------------------------------
-- A script folder

-- The functions below, for the scripts of another folder.
function helper.at(folder)
  local here = setmetatable({}, { __index = helper })

  -- Loads FOLDER/<name>.lua as the core does.
  function here.script(name)
    return load_file(folder .. "/" .. name .. ".lua", sandbox(folder))
  end

  local function handler_of(change)
    if change.op == "message" then return here.script "messages" end
    local op = change.op == "snapshot" and "insert" or change.op
    local name = "tables/" .. short(change.table)
    local file = io.open(folder .. "/" .. name .. ".lua")
    if not file then return nil end -- no script, no events: it may be there for ctx.rows
    file:close()
    return here.script(name)[op]
  end

  -- Runs a transaction, which is a change or a list of them, and returns its events in order.
  function here.commit(changes)
    local events = {}
    changes = transaction(changes)
    for index, change in ipairs(changes) do
      local handler = handler_of(change)
      local result = handler and call(handler, change, helper.ctx(changes, index))
      for _, event in ipairs(helper.check(result)) do events[#events + 1] = event end
    end
    return events
  end

  -- The events that rows of a table make in a snapshot.
  function here.snapshot(name, ...)
    local changes = {}
    for i, row in ipairs { ... } do changes[i] = { op = "snapshot", table = name, new = row } end
    return here.commit(changes)
  end

  -- The events of what pg_logical_emit_message wrote.
  function here.message(content)
    return here.commit { op = "message", prefix = "rowcast", content = content }
  end

  -- A client of client.lua, or of the script that is given; `fields` as in helper.client.
  function here.connect(script, fields)
    return connect(script or here.script "client", fields)
  end

  return here
end

for name, value in pairs(helper.at "scripts") do helper[name] = value end

--------------------------------------------------------------------------------
-- assert.events(expected, events): what differs, key by key

local function shown(value)
  if value == rowcast.null then return "null" end
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  if #value > 0 or helper.is_array(value) then
    local items = {}
    for i, item in ipairs(value) do items[i] = shown(item) end
    return "{ " .. table.concat(items, ", ") .. " }"
  end
  local members = {}
  for name, item in pairs(value) do members[#members + 1] = name .. " = " .. shown(item) end
  return next(value) == nil and "{}" or "{ " .. table.concat(members, ", ") .. " }"
end

-- Adds "path: expected …, got …" for each place where the two are not the same.
local function compare(lines, path, expected, got)
  if expected == got then return end
  local both = type(expected) == "table" and type(got) == "table"
  local empty = both and next(expected) == nil and next(got) == nil
  if empty and helper.is_array(expected) ~= helper.is_array(got) then
    local words = { [true] = "[] (rowcast.array {})", [false] = "{}" }
    local wanted, seen = words[helper.is_array(expected)], words[helper.is_array(got)]
    lines[#lines + 1] = path .. ": expected " .. wanted .. ", got " .. seen
  elseif both then
    local names = copied(expected, got)
    for name in pairs(names) do
      local place = type(name) == "number" and path .. "[" .. name .. "]" or path .. "." .. name
      compare(lines, place, expected[name], got[name])
    end
  elseif expected == nil then
    lines[#lines + 1] = path .. ": not expected, got " .. shown(got)
  else
    local seen = got == nil and "nothing" or shown(got)
    lines[#lines + 1] = path .. ": expected " .. shown(expected) .. ", got " .. seen
  end
end

-- What differs between two events, or two lists of them, as lines. None: nothing does.
function helper.difference(expected, got)
  local lines = {}
  if expected.type then expected = { expected } end
  if got.type then got = { got } end
  for i = 1, math.max(#expected, #got) do
    local name = "event " .. i
    local kind = (expected[i] or got[i]).type
    compare(lines, name .. (kind and " (" .. tostring(kind) .. ")" or ""), expected[i], got[i])
  end
  return lines
end

local has_luassert, luassert = pcall(require, "luassert")
if has_luassert then
  local say = require "say"
  say:set("assertion.events.positive", "The events are not as expected:\n%s")
  say:set("assertion.events.negative", "Other events were expected than:\n%s")
  luassert:register("assertion", "events", function(_, arguments)
    local lines = helper.difference(arguments[1], arguments[2])
    local text = #lines > 0 and "  " .. table.concat(lines, "\n  ") or shown(arguments[2])
    arguments[1], arguments.n, arguments.nofmt = text, 1, { true }
    return #lines == 0
  end, "assertion.events.positive", "assertion.events.negative")
end

--------------------------------------------------------------------------------
-- ROWCAST_COVERAGE=1 busted: the lines of the scripts that no spec runs

local wanted = os.getenv "ROWCAST_COVERAGE"
local is_busted, busted = pcall(require, "busted")
if is_busted and wanted and wanted ~= "" and wanted ~= "0" then
  local coverage = require "spec.coverage"
  local counted = coverage.start()
  on_load = function(path, chunk) counted:add(path, chunk) end
  busted.subscribe({ "suite", "end" }, function()
    counted:stop()
    io.write("\n", counted:report(), "\n")
    return nil, true
  end)
end

return helper

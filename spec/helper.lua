-- Lets the scripts run unchanged without the core: the same globals (cjson, rowcast, an
-- ordered pairs) for everyone, and a few conveniences for specs. Run from the repository's root.

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
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget",
  "select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall",
  "table", "cjson", "rowcast",
}

local function without(library, ...)
  local copy = {}
  for name, value in pairs(library) do copy[name] = value end
  for _, name in ipairs { ... } do copy[name] = nil end
  return copy
end

local function sandbox()
  local known = {
    string = without(string, "dump"),
    math = without(math, "random", "randomseed"),
  }
  for _, name in ipairs(SAFE) do known[name] = _G[name] end

  local env = setmetatable({}, {
    __index = known,
    __newindex = function(_, name) error("a script sets the global " .. name, 2) end,
  })
  local libs = {}
  function known.require(name)
    local path = "scripts/lib/" .. name:gsub("^lib%.", "") .. ".lua"
    libs[path] = libs[path] or setfenv(assert(loadfile(path)), env)()
    return libs[path]
  end
  return env
end

-- Loads scripts/<name>.lua as the core does.
function helper.script(name)
  return setfenv(assert(loadfile("scripts/" .. name .. ".lua")), sandbox())()
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

-- The ctx of the change at `index` of a transaction: a list of changes spelled as in
-- recorded rows, { op = "insert", table = "trades", new = {…} }.
function helper.ctx(changes, index)
  local change = changes[index]
  local schema, short = change.table:match("^(.-)%.(.+)$")
  return {
    table = short or change.table,
    schema = schema or "public",
    op = change.op,
    index = index,
    time = "2025-11-09T12:00:00.000Z",
    lsn = "0/16B3748",
    xid = 731,
    unchanged = {},
    rows = function(name, key, value, op)
      local rows = {}
      for i, other in ipairs(changes) do
        if other.table == name and is_searched(other, key, value, op) then
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
  if change.op == "insert" then return handler(new, ctx) end
  if change.op == "update" then return handler(new, old, ctx) end
  if change.op == "delete" then return handler(old, ctx) end
  return handler(ctx)
end

-- Runs a transaction through scripts/tables and returns its events in order.
function helper.commit(changes)
  local events = {}
  for index, change in ipairs(changes) do
    local handler = helper.script("tables/" .. change.table)[change.op]
    local result = handler and call(handler, change, helper.ctx(changes, index)) or {}
    for _, event in ipairs(result.type and { result } or result) do events[#events + 1] = event end
  end
  return events
end

--------------------------------------------------------------------------------
-- Clients

function helper.client()
  return {
    id = "client_1699564800_abc123xyz",
    address = "192.0.2.7",
    path = "/ws",
    headers = {},
    subscriptions = {},
  }
end

-- A connected client: `welcome` holds what it was told first, `say` sends a message and
-- returns the list of answers; `closed` is the code it was closed with. Subscriptions are kept
-- as the core keeps them, every `since` can be recovered, and snapshots are of no rows.
local Connection = {}
Connection.__index = Connection

function helper.connect(script)
  local self = setmetatable({ script = script, client = helper.client() }, Connection)
  self.welcome = self:perform(script.connect(self.client))
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
  if command.pong then return self.script.pong(self.client, result) end

  local topics, at = self.client.subscriptions, nil
  for i, name in ipairs(topics) do
    if name == topic then at = i end
  end
  if command.subscribe and not at then table.insert(topics, topic) end
  if command.unsubscribe and at then table.remove(topics, at) end

  result.subscriptions, result.subscription_count = { unpack(topics) }, #topics
  if command.unsubscribe then return self.script.unsubscribed(self.client, result) end
  result.recovered = command.since ~= nil
  if command.snapshot and not command.since then
    result.id, result.snapshot = nil, 0
  end
  return self.script.subscribed(self.client, result)
end

return helper

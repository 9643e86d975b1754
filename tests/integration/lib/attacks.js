// SPDX-License-Identifier: MIT
// What scripts try that must not work: each row is tried in a handler of a table and in a hook of client.lua, and stands in
// docs/SCRIPTING.md. `body` is Lua on one line; `says` (or `or`) is how the failure is told, `hook` how in a hook, which has less
// to spend than a row; `where` is the place it names: by default the body's line. Where memory ran out is told by the line of the
// function that was called, and so is what is wrong with something `returned`.
'use strict';

const LONG = 'stopped: it ran for too long';
const MEMORY = 'stopped: it took more than';
const LARGE = 'the result would be larger than 1 MiB';
const READ_ONLY = 'libraries and modules are read only';
const NONE = 'a nil value';

const attacks = [
    { what: '`while true do end`', body: 'while true do end', says: LONG },
    { what: '`repeat until false`', body: 'repeat until false', says: LONG },
    { what: '`for` to `math.huge`', body: 'for i = 1, math.huge do end', says: LONG },
    { what: '`goto` in a circle', body: '::again:: goto again', says: LONG },
    { what: 'endless tail calls', body: 'local function f() return f() end f()', says: LONG },
    { what: 'a `pcall` around an endless loop, in an endless loop', body: 'while true do pcall(function() while true do end end) end', says: LONG },
    { what: 'an `xpcall` whose handler is an endless loop', body: 'xpcall(function() while true do end end, function() while true do end end)', says: LONG },
    { what: 'a failing `pcall` in an endless loop', body: 'while true do pcall(error, {}) end', says: LONG },
    { what: 'an iterator without an end', body: 'for _ in function() return 1 end do end', says: LONG },
    { what: '`coroutine`', body: 'coroutine.wrap(function() while true do end end)()', says: NONE },
    { what: '`__index` that does not end', body: 'local t = setmetatable({}, { __index = function() while true do end end }) return t.x', says: LONG },
    { what: '`__newindex` that does not end', body: 'setmetatable({}, { __newindex = function() while true do end end }).x = 1', says: LONG },
    { what: '`__index` in a circle', body: 'local t = {} t.__index = t setmetatable(t, t) return t.x', says: 'loop in gettable' },
    { what: '`__concat` that does not end', body: 'local t = setmetatable({}, { __concat = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return t .. u', says: LONG },
    { what: '`__lt` that does not end', body: 'local t = setmetatable({}, { __lt = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return t < u', says: LONG },
    { what: '`__le` that does not end', body: 'local t = setmetatable({}, { __le = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return t <= u', says: LONG },
    { what: '`__eq` that does not end', body: 'local t = setmetatable({}, { __eq = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return t == u', says: LONG },
    { what: '`__add` that does not end', body: 'local t = setmetatable({}, { __add = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return t + u', says: LONG },
    { what: '`__unm` that does not end', body: 'local t = setmetatable({}, { __unm = function() while true do end end }) local u = setmetatable({}, getmetatable(t)) return -t', says: LONG },
    { what: '`__call` that does not end', body: 'local t = setmetatable({}, { __call = function() while true do end end }) local u = t() return u', says: LONG },
    { what: '`__tostring` that does not end', body: 'tostring(setmetatable({}, { __tostring = function() while true do end end }))', says: LONG },
    { what: '`__gc` (what has one is collected)', body: 'local m = { __gc = function() while true do end end } local function make() return setmetatable({ setmetatable({}, m) }, { __mode = "v" }) end local seen, n = make(), 1e5 repeat n = n + 1 local s = ("x"):rep(n) until not seen[1] error("never called")', says: 'never called' },
    { what: '`newproxy`', body: 'newproxy(true)', says: NONE },
    { what: '`string.rep` of a gigabyte', body: 'local s = ("x"):rep(1e9) return #s', says: LARGE },
    { what: '`string.rep` with a long separator', body: 'local s = (""):rep(1e6, ("x"):rep(1e6)) return #s', says: LARGE },
    { what: '`..` that doubles', body: 'local s = "x" while true do s = s .. s end', says: MEMORY },
    { what: '`..` of long strings, dropped again and again', body: 'local s = ("x"):rep(1e6) while true do local t = s .. s end', says: LONG },
    { what: '`<` of long strings', body: 'local s = ("x"):rep(2 ^ 20 - 1) local a, b = s .. "a", s .. "b" while true do local c = a < b end', says: LONG },
    { what: '`table.concat` of long strings', body: 'local s = ("x"):rep(1e6) local t = { s, s } local u = table.concat(t) return u', says: LARGE },
    { what: '`string.format` of long strings', body: 'local s = ("x"):rep(1e6) local u = ("%s%s"):format(s, s) return u', says: LARGE },
    { what: '`gsub` that makes a long string', body: 'local s = (("x"):rep(1e6)):gsub("x", "xy") return s', says: LARGE, hook: LONG },
    { what: 'a pattern that backtracks (`a*a*a*…b`)', body: 'local s = (("a"):rep(1e5)):find(("a*"):rep(20) .. "b") return s', says: LONG },
    { what: 'a pattern that backtracks (`.-.-.-b`), within a `pcall`', body: 'pcall(string.match, ("a"):rep(1e5), ".-.-.-b")', says: LONG },
    { what: '`gmatch` with `%b()` over open brackets', body: 'for x in (("("):rep(1e6)):gmatch("%b()") do end', says: LONG },
    { what: 'a pattern nested too deep', body: 'local s = (("a"):rep(1000)):find(("a?"):rep(500)) return s', says: 'pattern too complex' },
    { what: 'a plain `find` of half a megabyte, again and again', body: 'local a = ("a"):rep(1e6) local b = ("a"):rep(5e5) .. "b" while true do a:find(b, 1, true) end', says: LONG },
    { what: 'library calls on long strings, again and again', body: 'local s = ("x"):rep(1e6) while true do s:upper() s:reverse() s:sub(2) end', says: LONG, or: MEMORY },
    { what: 'recursion without an end', body: 'local function f() return 1 + f() end f()', says: 'stack overflow' },
    { what: 'recursion through `pcall`', body: 'local function f() return 1, pcall(f) end while true do f() end', says: LONG },
    { what: 'recursion through `tostring`', body: 'local t t = setmetatable({}, { __tostring = function() return tostring(t) end }) local s = tostring(t) return s', says: 'stack overflow' },
    { what: 'recursion through `table.sort`', body: 'local function f() table.sort({ 1, 2, 3 }, f) end f()', says: 'stack overflow' },
    { what: 'recursion through `gsub`', body: 'local function f() return ("x"):gsub("x", f) end f()', says: 'stack overflow' },
    { what: 'JSON nested deeper than 8, decoded', body: 'cjson.decode(("["):rep(1e5))', says: 'too many nested' },
    { what: 'JSON that becomes large tables', body: 'cjson.decode("[" .. ("[],"):rep(3e5) .. "[]]")', says: 'does not fit into the memory' },
    { what: 'a table without an end', body: 'local t = {} for i = 1, 1e9 do t[i] = { i } end', says: MEMORY, hook: LONG },
    { what: 'closures without an end', body: 'local t = {} while true do t[#t + 1] = function() return t end end', says: MEMORY, hook: LONG },
    { what: 'copies by `rowcast.extend` without an end', body: 'local t = {} while true do t[#t + 1] = rowcast.extend({ a = 1 }, { b = 2 }) end', says: MEMORY, hook: LONG },
    { what: 'what `string.upper` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = (s .. #t):upper() end', says: MEMORY, hook: LONG },
    { what: 'what `string.lower` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = ("X"):rep(1e5 + #t):lower() end', says: MEMORY, hook: LONG },
    { what: 'what `string.reverse` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = (s .. #t):reverse() end', says: MEMORY, hook: LONG },
    { what: 'what `string.sub` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = (s .. #t):sub(2) end', says: MEMORY, hook: LONG },
    { what: 'what `string.rep` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = ("x"):rep(1e5 + #t) end', says: MEMORY },
    { what: 'what `string.format` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = ("%s%d"):format(s, #t) end', says: MEMORY, hook: LONG },
    { what: 'what `string.gsub` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = s:gsub("^x", #t) end', says: MEMORY, hook: LONG },
    { what: 'what `string.match` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = (s .. #t):match("x+%d+") end', says: LONG },
    { what: 'what `string.gmatch` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = s:gmatch("x") end', says: MEMORY, hook: LONG },
    { what: 'what `table.concat` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = table.concat({ s, #t }) end', says: MEMORY, hook: LONG },
    { what: 'what `tostring` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = tostring(#t + 0.1) end', says: MEMORY, hook: LONG },
    { what: 'what `cjson.decode` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = cjson.decode("[[],[],[]]") end', says: MEMORY, hook: LONG },
    { what: 'what `rowcast.array` makes, kept without an end', body: 'local s, t = ("x"):rep(1e5), {} while true do t[#t + 1] = rowcast.array({}) end', says: MEMORY, hook: LONG },
    { what: '`table.insert` at the front of a long list', body: 'local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) end', says: LONG },
    { what: '`table.sort` with a C function that is no order', body: 'local t = {} for i = 1, 1e5 do t[i] = i end while true do pcall(table.sort, t, rawequal) end', says: LONG },
    { what: '`unpack` of a long list', body: 'local t = {} for i = 1, 1e5 do t[i] = i end local n = select("#", unpack(t)) return n', says: 'too many results to unpack' },
    { what: '`unpack` of a billion items', body: 'local n = select("#", unpack({}, 1, 1e9)) return n', says: 'too many results to unpack' },
    { what: '`next` on a long list, again and again', body: 'local t = {} for i = 1, 1e5 do t[i] = i end while true do next(t) end', says: LONG, or: MEMORY },
    { what: '`pairs` of a long list, again and again', body: 'local t = {} for i = 1, 1e5 do t[i] = i end while true do pairs(t) end', says: LONG, or: MEMORY },
    { what: '`ipairs` over a long list, again and again', body: 'local t = {} for i = 1, 1e5 do t[i] = i end while true do for _ in ipairs(t) do end end', says: LONG },
    { what: 'an error that is a table', body: 'error({ code = 1 })', says: 'the error raised is a table value' },
    { what: 'an error whose `__tostring` raises', body: 'error(setmetatable({}, { __tostring = function() error("again") end }))', says: 'the error raised is a table value' },
    { what: 'an error whose `__tostring` does not end', body: 'error(setmetatable({}, { __tostring = function() while true do end end }))', says: 'the error raised is a table value' },
    { what: 'a flood of log lines', body: 'while true do rowcast.log("info", "flood") end', says: LONG },
    { what: 'log lines of a megabyte', body: 'local s = ("x"):rep(1e6) while true do rowcast.log("info", s) end', says: LONG },
    { what: '`load`', body: 'load(function() end)()', says: NONE },
    { what: '`loadstring`', body: 'loadstring("return 1")()', says: NONE },
    { what: '`loadfile`', body: 'loadfile("outside.lua")()', says: NONE },
    { what: '`dofile`', body: 'dofile("outside.lua")', says: NONE },
    { what: '`string.dump`', body: 'string.dump(function() end)', says: NONE },
    { what: '`require` of bytecode', body: 'require("bytecode")', says: 'attempt to load chunk with wrong mode' },
    { what: '`getfenv`', body: 'getfenv(1).x = 1', says: NONE },
    { what: '`setfenv`', body: 'setfenv(1, {})', says: NONE },
    { what: '`_G`', body: '_G.x = 1', says: NONE },
    { what: '`package`', body: 'package.loaded.x = 1', says: NONE },
    { what: '`debug`', body: 'debug.sethook()', says: NONE },
    { what: '`io`', body: 'io.open("/etc/passwd")', says: NONE },
    { what: '`os`', body: 'os.execute("true")', says: NONE },
    { what: '`os.time`', body: 'return os.time()', says: NONE },
    { what: '`math.random`', body: 'return math.random()', says: NONE },
    { what: '`collectgarbage`', body: 'collectgarbage("stop")', says: NONE },
    { what: '`ffi`', body: 'ffi.cdef("int getpid(void)")', says: NONE },
    { what: '`jit`', body: 'jit.off()', says: NONE },
    { what: '`rawset`', body: 'rawset(string, "x", 1)', says: NONE },
    { what: 'setting a global', body: 'leaked = 1', says: "the global 'leaked' cannot be set" },
    { what: '`string.x = 1`', body: 'string.x = 1', says: READ_ONLY },
    { what: '`math.x = 1`', body: 'math.x = 1', says: READ_ONLY },
    { what: '`rowcast.x = 1`', body: 'rowcast.x = 1', says: READ_ONLY },
    { what: '`cjson.decode = nil`', body: 'cjson.decode = nil', says: READ_ONLY },
    { what: '`table.insert(string, 1)`', body: 'table.insert(string, 1)', says: READ_ONLY },
    { what: 'the metatable of strings', body: 'getmetatable("").__index = {}', says: 'a boolean value' },
    { what: 'another metatable for `string`', body: 'setmetatable(string, {})', says: 'protected metatable' },
    { what: 'writing into a required module', body: 'require("shared").count = 1', says: READ_ONLY },
    { what: 'a module’s table from `pairs`', body: 'local _, t = pairs(require("shared")) t.count = 1', says: READ_ONLY },
    { what: '`require` of `../outside`', body: 'require("../outside")', says: 'opens files below lib/ only' },
    { what: '`require` of `/etc/passwd`', body: 'require("/etc/passwd")', says: 'opens files below lib/ only' },
    { what: '`require` of a symbolic link', body: 'require("link")', says: 'not a regular file' },
    { what: '`require` through a folder that is a symbolic link', body: 'require("linked.outside")', says: 'not found' },
    { what: '`require` of `ffi`', body: 'require("ffi")', says: 'not found' },
    { what: '`require` of a module that does not end', body: 'require("endless")', says: LONG, where: /lib\/endless\.lua:1/ },
    { what: '`require` of a module that takes all memory', body: 'require("huge")', says: MEMORY, where: /\.lua:\d+/, hook: LONG },
];

// What only a handler of a table can do. `new` and `ctx` are its arguments.
const ofRows = [
    { what: 'tables nested deeper than 64 in an event', body: 'local t = {} for i = 1, 100 do t = { t } end return { type = "x", topic = "a", t = t }', says: 'nested deeper than 64', returned: true },
    { what: 'a table within itself in an event', body: 'local t = {} t.t = t return { type = "x", topic = "a", t = t }', says: 'nested deeper than 64', returned: true },
    { what: 'an event that grows by sharing (2^60 parts)', body: 'local t = {} for i = 1, 60 do t = { t, t } end return { type = "x", topic = "a", t = t }', says: LONG, returned: true },
    { what: 'a hundred thousand events', body: 'local t = {} for i = 1, 1e5 do t[i] = { type = "x", topic = "a" } end return t', says: 'more than 10000 events', returned: true },
    { what: 'an event that sets `id`', body: 'return { type = "x", topic = "a", id = "mine" }', says: 'id', returned: true },
    { what: 'an event that sets `timestamp`', body: 'return { type = "x", topic = "a", timestamp = "now" }', says: 'timestamp', returned: true },
    { what: 'an event that sets `snapshot`', body: 'return { type = "x", topic = "a", snapshot = true }', says: 'snapshot', returned: true },
    { what: 'a function in an event', body: 'return { type = "x", topic = "a", f = print }', says: 'a function cannot go into an event', returned: true },
    { what: 'NaN in an event', body: 'return { type = "x", topic = "a", n = 0 / 0 }', says: 'NaN cannot go into an event', returned: true },
    { what: 'writing into a row', body: 'new.cost = 1', says: 'rows are read only' },
    { what: 'writing into `ctx`', body: 'ctx.op = "x"', says: 'read only' },
    { what: '`ctx.rows` again and again', body: 'local t = {} while true do t[#t + 1] = ctx.rows("trades") end', says: LONG, or: MEMORY },
    { what: 'rows kept from an earlier call', body: 'return require("keep")(new)', says: 'a row was used after the call', where: /lib\/keep\.lua:2/ },
];

// What only a hook of client.lua can do.
const ofHooks = [
    { what: 'a hundred thousand commands', body: 'local t = {} for i = 1, 1e5 do t[i] = { send = "x" } end return t', says: 'commands', returned: true },
    { what: 'a state of more than 4 KiB', body: 'return { state = { s = ("x"):rep(1e4) } }', says: '4096', returned: true },
    { what: 'writing into `client`', body: 'client.id = "x"', says: 'client is read only' },
    { what: 'a message of two megabytes', body: 'return { send = { s = ("x"):rep(2 ^ 20) .. ("y"):rep(2 ^ 20) } }', says: 'a message that is too large', returned: true },
];

// The lines of docs/SCRIPTING.md.
const line = (where) => ({ what, says, or, hook }) => {
    const told = [says, or].filter(Boolean).map((text) => `\`${text}\``);
    return `| ${what} | ${where} | ${told.join(' or ')}${hook ? `, in a hook \`${hook}\`` : ''} |`;
};

function table() {
    return [...attacks.map(line('both')), ...ofRows.map(line('row')), ...ofHooks.map(line('hook'))].join('\n');
}

if (require.main === module) process.stdout.write(`${table()}\n`);

module.exports = { attacks, ofRows, ofHooks, table, MEMORY };

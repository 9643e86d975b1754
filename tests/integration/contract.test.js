// SPDX-License-Identifier: MIT
// What scripts may rely on is said in three places: docs/SCRIPTING.md, the stubs for editors (include/lua/rowcast.lua) and
// spec/helper.lua. All three say what the core does, no more and no less.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { run, scriptFolder, writeFiles, ROOT } = require('./lib/rowcast.js');

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const sorted = (names) => [...new Set(names)].sort();
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

// --- The core ---

// The body of a function, or of a static array, of a C file.
function definition(file, name) {
    const found = new RegExp(`^[^\\n]*\\b${name}(\\(|\\[)[\\s\\S]*?^};?`, 'm').exec(read(`core/script/${file}`));
    assert.ok(found, `core/script/${file} has no ${name}`);
    return found[0];
}

const strings = (text) => all(text, /"([^"]+)"/g);
const keys = (text) => all(text, /strcmp\(key, "([^"]+)"\)/g);
const names = (file, name) => strings(/names\[[^\]]*\] = \{([^}]*)\}/.exec(definition(file, name))[1]);

const pushed = all(definition('script_client.c', 'push_result'), /(?:set_texts?|lua_setfield)\(lua, (?:-2, )?"(\w+)"/g);
const verbs = definition('script_command.c', 'verbs').matchAll(/\{"(\w+)",\s*COMMAND_\w+,\s*parse_\w+,\s*\{([^}]*)\}/g);
const commands = Object.fromEntries([...verbs].map(([, verb, options]) => [verb, strings(options)]));

const CORE = {
    Ctx: sorted(keys(definition('context.c', 'context_index'))),
    Change: sorted(keys(definition('context.c', 'change_index'))),
    Client: sorted(keys(definition('script_client.c', 'client_index'))),
    Headers: sorted(all(definition('script_client.c', 'push_headers'), /lua_setfield\(lua, -2, "([^"]+)"/g)),
    Result: sorted([...pushed, ...keys(definition('script_client.c', 'result_index'))]),
    Command: sorted(Object.entries(commands).flat(2)),
    Table: sorted(names('script.c', 'load_table_body')),
    ClientScript: sorted(names('script.c', 'load_client_body')),
    Snapshot: sorted(strings(/known\[\] = \{([^}]*)\}/.exec(read('core/script/script_snapshot.c'))[1])),
};

// --- The stubs ---

const STUBS = read('include/lua/rowcast.lua');

function stub(name) {
    const block = new RegExp(`^---@class rowcast\\.${name}\\n((?:---@field .*\\n)+)`, 'm').exec(STUBS);
    assert.ok(block, `the stubs have no class rowcast.${name}`);
    return sorted(all(block[1], /^---@field (\S+)/gm).map((field) => /\w[\w-]*/.exec(field)[0]));
}

// --- The page ---

const PAGE = read('docs/SCRIPTING.md');

function section(title) {
    const text = PAGE.split(`\n## ${title}\n`)[1];
    assert.ok(text, `docs/SCRIPTING.md has no '${title}'`);
    return text.split('\n## ')[0];
}

// The first column of a table that begins with such a header, as code.
function column(text, header) {
    const rows = text.split(`| ${header} |`)[1].split('\n\n')[0].split('\n').slice(2);
    return rows.map((row) => row.split(' | ')[0]).flatMap((cell) => all(cell, /`([^`]+)`/g));
}

const word = (code) => /^\w+/.exec(code)[0];

describe('the contract of the scripts', () => {
    it('was found in the core', () => {
        for (const [name, found] of Object.entries(CORE)) assert.ok(found.length >= 3, `${name}: ${found}`);
        assert.deepEqual(sorted(commands.subscribe), ['after_lsn', 'events', 'ref', 'since', 'snapshot']);
    });

    for (const name of Object.keys(CORE)) {
        it(`is what the stubs say of ${name}`, () => assert.deepEqual(stub(name), CORE[name]));
    }

    it('is said in Lua that can be read', () => {
        const { status, stderr } = spawnSync('luajit', ['-bl', 'include/lua/rowcast.lua'], { cwd: ROOT, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
    });

    it('names types that there are, above what the scripts return', () => {
        const { stdout } = spawnSync('grep', ['-rhoE', '^---@type rowcast\\.\\w+', 'scripts', 'examples'], { cwd: ROOT, encoding: 'utf8' });
        const used = sorted(stdout.trim().split('\n').map((line) => line.split('.')[1]));
        assert.deepEqual(used, ['ClientScript', 'Messages', 'Table']);
        for (const name of used) assert.match(STUBS, new RegExp(`^---@(class|alias) rowcast\\.${name}\\b`, 'm'));
    });

    it('is what the page says of ctx', () => {
        assert.deepEqual(sorted(column(section('ctx'), 'field').map(word)), CORE.Ctx);
        assert.ok(CORE.Change.every((key) => section('ctx').includes(key)));
    });

    it('is what the page says of hooks', () => {
        assert.deepEqual(sorted(column(section('client.lua'), 'hook').map(word)), CORE.ClientScript);
        const results = section('client.lua').split('| hook |')[1].split('\n\n')[0];
        for (const key of CORE.Result) assert.ok(results.includes(`\`${key}\``), `a result's ${key} is not on the page`);
    });

    it('is what the page says of commands', () => {
        const rows = column(section('client.lua'), 'command');
        assert.deepEqual(sorted(rows.map((code) => /^\{ (\w+) =/.exec(code)[1])), sorted(Object.keys(commands)));
        const shown = section('client.lua').split('| command |')[1].split('\n\n')[0];
        assert.deepEqual(sorted(all(shown, /(\w+) = /g)), CORE.Command);
    });

    it('is what the page says of client', () => {
        const told = /\n`client` has ([\s\S]*?)\. A hook/.exec(section('client.lua'))[1];
        assert.deepEqual(sorted(all(told, /`([\w-]+)`/g)), sorted([...CORE.Client, ...CORE.Headers]));
    });

    it('is what the page says of handlers and snapshots', () => {
        for (const handler of CORE.Table) assert.match(PAGE, new RegExp(`\\b${handler} = `));
        assert.deepEqual(sorted(column(section('Snapshots'), 'key').map(word)), CORE.Snapshot);
    });
});

// --- What is seen from inside ---

// All names that plain LuaJIT has, and some more.
function candidates() {
    const { stdout } = spawnSync('luajit', [
        '-e',
        `for name, value in pairs(_G) do
            print(name)
            if type(value) == "table" and name ~= "_G" then
                for key in pairs(value) do if type(key) == "string" then print(name .. "." .. key) end end
            end
        end`,
    ], { encoding: 'utf8' });
    const own = ['null', 'array', 'extend', 'log', 'decode', 'encode', 'new', 'now'];
    const found = stdout.trim().split('\n').filter((name) => /^[a-z]+(\.[a-z0-9_]+)?$/.test(name) && !name.startsWith('package.'));
    assert.ok(found.length > 100, 'LuaJIT was not asked');
    return sorted([...found, 'rowcast', 'cjson', ...own.flatMap((name) => [`rowcast.${name}`, `cjson.${name}`])]);
}

// A table script that tells which names it finds, and what some expressions give.
const BEHAVIOUR = [
    'keys { b = 1, a = 1, [2] = 1, [-1] = 1, [1.5] = 1, B = 1, [""] = 1 }',
    'keys(rowcast.array { "x", "y" })',
    'next { b = 1, a = 2 }',
    'next({ b = 1, a = 2 }, "a")',
    'next({})',
    'pcall(next, {}, "a")',
    'pcall(pairs, { [{}] = 1 })',
    'tostring {}',
    'tostring(print)',
    'tostring(cjson.null)',
    'tostring(1e15), tostring(0.1), tostring(-0), tostring(2 ^ 53)',
    'tostring(setmetatable({}, { __tostring = function() return "own" end }))',
    'string.format("%s %s %5.2f %q", {}, cjson.null, 1.005, "a\\nb")',
    'pcall(string.format, "%p", {})',
    'type(rowcast.null), rowcast.null == cjson.null',
    'pcall(cjson.decode, "[NaN]")',
    'pcall(cjson.decode, ("["):rep(9) .. ("]"):rep(9))',
    'cjson.decode("[1.5, null, {}]")[2] == cjson.null',
    'select("#", unpack { 1, nil, 3 })',
    'pcall(error, { code = 1 })',
    'xpcall(function() error("x", 0) end, function(m) return m .. "!" end)',
    'table.concat({ 1, 2, "x" }, "-")',
    'rowcast.extend({ a = 1 }, { b = 2 }).b',
];

function probe(found) {
    const see = found.map((name) => {
        const [library] = name.split('.');
        return `see("${name}", ${library === name ? name : `${library} and ${name}`})`;
    });
    return `
local found, told = rowcast.array {}, rowcast.array {}
local function see(name, value)
    if value ~= nil then table.insert(found, name) end
end
local function keys(t)
    local list = {}
    for key in pairs(t) do table.insert(list, tostring(key)) end
    return table.concat(list, " ")
end
local function tell(...)
    local texts = {}
    for i = 1, select("#", ...) do
        local text = tostring((select(i, ...)))
        texts[i] = text:gsub("^[^:]+:%d+: ", "")
    end
    table.insert(told, table.concat(texts, " | "))
end
${see.join('\n')}
${BEHAVIOUR.map((expression) => `tell(${expression})`).join('\n')}
return { insert = function() return { type = "probe", topic = "t", found = found, told = told } end }
`;
}

describe('what scripts see', () => {
    const script = probe(candidates());
    const seen = {};

    it('is there in the core', async (t) => {
        const input = '{"changes":[{"op":"insert","table":"probe","new":{"id":1}}]}\n';
        const folder = scriptFolder(t, { files: { 'tables/probe.lua': script } });
        const { code, stdout, stderr } = await run(['replay', '-', '--scripts', folder], { input });
        assert.equal(code, 0, stderr);
        seen.core = JSON.parse(stdout);
        assert.ok(seen.core.found.includes('rowcast.extend') && !seen.core.found.includes('os.time'));
    });

    it('is the same in specs', (t) => {
        const folder = scriptFolder(t);
        writeFiles(folder, { 'tables/probe.lua': script });
        const { stdout, stderr } = spawnSync('luajit', [
            '-e',
            `package.path = "./?.lua;" .. package.path
            local helper = require("spec.helper").at ${JSON.stringify(folder)}
            local event = helper.commit(helper.insert("probe", { id = 1 }))[1]
            io.write(require("cjson").encode { found = event.found, told = event.told })`,
        ], { cwd: ROOT, encoding: 'utf8' });
        assert.equal(stderr, '');
        const { found, told } = JSON.parse(stdout);
        assert.deepEqual(found, seen.core.found);
        const pairs = (texts) => BEHAVIOUR.map((expression, at) => [expression, texts[at]]);
        assert.deepEqual(pairs(told), pairs(seen.core.told));
    });

    it('is on the page', () => {
        const text = section('The same input gives the same bytes');
        const [, listed] = /Globals are `([^`]+)`/.exec(text);
        const plain = seen.core.found.filter((name) => !name.includes('.'));
        const libraries = ['cjson', 'math', 'rowcast', 'string', 'table'];
        assert.deepEqual(sorted([...listed.split(/\s+/), ...libraries]), sorted(plain));
        for (const library of libraries) {
            const told = sorted(all(text, new RegExp(`\`${library}\\.(\\w+)`, 'g')));
            const real = seen.core.found.filter((name) => name.startsWith(`${library}.`)).map((name) => name.slice(library.length + 1));
            if (library === 'cjson' || library === 'rowcast') assert.deepEqual(told, sorted(real), library);
        }
    });

    it('is what the stubs say of rowcast and cjson', () => {
        const own = seen.core.found.filter((name) => /^(rowcast|cjson)\./.test(name));
        const functions = all(STUBS, /^function ((?:rowcast|cjson)\.\w+)/gm);
        assert.deepEqual(sorted([...functions, 'rowcast.null', 'cjson.null']), own);
        assert.equal(all(STUBS, /^---@field (null) rowcast\.null/gm).length, 2);
    });
});

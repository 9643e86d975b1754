// SPDX-License-Identifier: MIT
// Scripts that attack: each is stopped and told with its line, the next row is fine, other clients notice nothing.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { suite, until } = require('./lib/expect.js');
const { serve, folder, scriptFolder, ROOT } = require('./lib/rowcast.js');
const { transaction, trade } = require('./lib/rows.js');
const { attacks, ofRows, ofHooks, table, MEMORY } = require('./lib/attacks.js');

const MIB = 1024 * 1024;

// One line for each, so that its number says which one it was.
const ways = (list, parameters) => [
    'local ways = {}',
    ...list.map(({ body }, at) => `ways[${at + 1}] = function(${parameters}) ${body} end`),
];
const lineOf = (at) => at + 2;

const rows = [...attacks, ...ofRows];
const hooks = [...attacks, ...ofHooks];

// Whether anything of an earlier call is to be found.
const CLEAN = `local function clean()
    return string.x == nil and math.x == nil and rowcast.x == nil and string[1] == nil and cjson.decode ~= nil
        and leaked == nil and require("shared").count == 0 and ("x"):rep(2) == "xx" and getmetatable("") == false
end
`;

const files = {
    'tables/trades.lua': `${ways(rows, 'new, ctx').join('\n')}
${CLEAN}
return { insert = function(new, ctx)
    local way = ways[tonumber(new.user_wallet)]
    if way then return way(new, ctx) end
    return { type = "fine", topic = "a", market_id = "a", data = { clean = clean() } }
end }
`,
    'client.lua': `${ways(hooks, 'client, payload').join('\n')}
${CLEAN}
return {
    connect = function() return { subscribe = "a" } end,
    message = function(client, payload)
        local way = ways[tonumber(payload)]
        if way then return way(client, payload) end
        return { send = clean() and "clean" or "not clean" }
    end,
}
`,
    'lib/shared.lua': 'return { count = 0 }',
    'lib/endless.lua': 'while true do end',
    'lib/huge.lua': 'local t = {} while true do t[#t + 1] = { #t } end',
    'lib/keep.lua': 'local kept\nreturn function(row) local before = kept or row kept = row return before.cost and kept == before and { type = "x", topic = "b" } or nil end',
    'lib/bytecode.lua': Buffer.from('1b4c4a020a0f02000100000002290001004c00020000', 'hex'), // return 1
    'outside.lua': 'return 1',
};

// The place that a failure names.
function placeOf(name, at, { returned, where }, message) {
    const entry = files[name].split('\n').findIndex((text) => text.includes(name === 'client.lua' ? 'message = function' : 'insert = function')) + 1;
    return where ?? new RegExp(`/scripts/${name.replace('.', '\\.')}:${returned || message.includes(MEMORY) ? entry : lineOf(at)}: `);
}

describe('a script that attacks', () => {
    const owner = suite();
    let rowcast, client, file, second = 0, resident;

    const memory = () => Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${rowcast.child.pid}/status`, 'utf8'))[1]) * 1024;
    const failed = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

    before(async () => {
        const scripts = scriptFolder(owner, { files });
        fs.symlinkSync(path.join(scripts, 'outside.lua'), path.join(scripts, 'lib', 'link.lua'));
        fs.symlinkSync(scripts, path.join(scripts, 'lib', 'linked'));
        file = path.join(folder(owner), 'failed.jsonl');
        const env = { ROWCAST_FAILED: file, ROWCAST_SKIP: 'off' };
        rowcast = await serve(owner, { scripts, env });
        client = await rowcast.connect({ plain: true });
    });

    async function theNextRowIsFine() {
        rowcast.feed(transaction(second++, trade('a', second)));
        assert.deepEqual(JSON.parse(await client.next()).data, { clean: true });
    }

    for (const [at, attack] of rows.entries()) {
        const { what, says, or } = attack;
        it(`in a row: ${what}`, async () => {
            await theNextRowIsFine();
            const count = failed().length;
            const row = transaction(second++, trade('a', second, { user_wallet: String(at + 1) }));
            if (what.startsWith('rows kept')) rowcast.feed({ ...row, time: '2025-11-09T10:00:00.000Z' });
            rowcast.feed(row);
            await theNextRowIsFine();
            const lines = failed();
            assert.equal(lines.length, count + 1, lines.slice(count).join('\n'));
            const { message } = JSON.parse(lines[count]).failed[0];
            assert.match(message, placeOf('tables/trades.lua', at, attack, message));
            assert.ok(message.includes(says) || (or && message.includes(or)), message);
            resident ??= memory();
        });
    }

    for (const [at, attack] of hooks.entries()) {
        const { what, says, or, hook } = attack;
        it(`in a hook: ${what}`, async () => {
            const lines = rowcast.lines('client_script_failed');
            const told = () => rowcast.lines('client_script_failed')[lines.length];
            const errors = async () => (await rowcast.status()).scripts.client_errors;
            const earlier = await errors();
            const attacker = await rowcast.connect({ plain: true });
            attacker.send(String(at + 1));
            await attacker.expectClosed(1011);
            // Of one place the log says three lines in a row and counts the others, and many of these fail at the hook's own line.
            const entry = placeOf('client.lua', at, { returned: true });
            if (lines.filter((line) => entry.test(line.message)).length < 3) await until('its line', told, () => rowcast.story);
            assert.equal(await errors(), earlier + 1);
            await sleep(50);
            if (told()) {
                const { message } = told();
                assert.match(message, placeOf('client.lua', at, attack, message));
                assert.ok(message.includes(hook ?? says) || (or && message.includes(or)), message);
            }
            client.send('still here?');
            assert.equal(await client.next(), 'clean');
        });
    }

    it('leaves little memory behind', { skip: process.env.ROWCAST_BIN?.includes('build-') }, async () => {
        await until('memory', () => memory() < resident + 48 * MIB, () => `${memory() / MIB} after ${resident / MIB} MiB`);
        await rowcast.ready();
    });

    it('stands in docs/SCRIPTING.md', () => {
        assert.ok(fs.readFileSync(path.join(ROOT, 'docs', 'SCRIPTING.md'), 'utf8').includes(`\n${table()}\n`), 'write it with tests/integration/lib/attacks.js');
    });
});

// SPDX-License-Identifier: MIT
// What a user edits: scripts that change while it runs, that fail, that never end, that speak another protocol.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { suite } = require('./lib/expect.js');
const { serve, scriptFolder, writeFiles, SCRIPTS } = require('./lib/rowcast.js');
const { transaction, insert, trade, vote } = require('./lib/rows.js');

// A script for trades whose events say which version of it made them.
const version = (name) => `return { insert = function(new)
    return { type = "trade", topic = new.market_id, market_id = new.market_id, data = { cost = new.cost, version = "${name}" } }
end }
`;

describe('a reload', () => {
    it('changes what comes next, and nobody notices more', async (t) => {
        const scripts = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': version('one') } });
        const rowcast = await serve(t, { scripts });
        const client = await rowcast.connect();
        const { id } = await client.subscribe('a');
        rowcast.feed(transaction(1, trade('a', 1)));
        const [first] = await client.events(1);
        assert.equal(first.data.version, 'one');
        for (let i = 2; i < 6; i++) {
            writeFiles(scripts, { 'tables/trades.lua': version(`number ${i}`) });
            rowcast.signal('SIGHUP');
            await rowcast.logged('reloaded', {}, i - 1);
            rowcast.feed(transaction(i, trade('a', i)));
            assert.equal((await client.events(1))[0].data.version, `number ${i}`);
        }
        await client.expectNothing();
        const resumed = await rowcast.connect(); // what was told stays told
        assert.equal((await resumed.subscribe('a', { since: id })).recovered, true);
        assert.deepEqual((await resumed.events(5))[0], first);
    });

    it('of something broken leaves the old scripts, and says where', async (t) => {
        const scripts = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': version('good') } });
        const rowcast = await serve(t, { scripts });
        const client = await rowcast.connect();
        await client.subscribe('a');
        const breakages = [
            ['tables/trades.lua', 'return {\n  insert = function(new\n}', /tables\/trades\.lua:3: /],
            ['tables/trades.lua', 'return 7', /tables\/trades\.lua:1: /],
            ['tables/trades.lua', '\n\nerror("no way")', /tables\/trades\.lua:3: no way/],
            ['tables/trades.lua', 'return { insert = 7 }', /tables\/trades\.lua:1: /],
            [
                'tables/trades.lua',
                'return { insret = function() end }',
                /tables\/trades\.lua:1: .*insret.*did you mean 'insert'/,
            ],
            ['tables/trades.lua', 'require "lib.nothing"', /tables\/trades\.lua:1: .*nothing/],
            ['client.lua', 'local x = = 1', /client\.lua:1: /],
            ['lib/lmsr.lua', '(', /lib\/lmsr\.lua:1: /],
        ];
        let failures = 0;
        for (const [file, text, sentence] of breakages) {
            const good = fs.readFileSync(path.join(scripts, file), 'utf8');
            writeFiles(scripts, { [file]: text });
            rowcast.signal('SIGHUP');
            failures++;
            const { message, level } = await rowcast.logged('reload_failed', {}, failures);
            assert.equal(level, 'error');
            assert.match(message, sentence);
            const { json } = await rowcast.ready({ status: 200, json: { status: 'degraded' } });
            assert.match(JSON.stringify(json.checks), new RegExp(file.replace('.', '\\.')));
            rowcast.feed(transaction(failures, trade('a', failures)));
            assert.equal((await client.events(1))[0].data.version, 'good');

            writeFiles(scripts, { [file]: good });
            rowcast.signal('SIGHUP');
            await rowcast.logged('reloaded', {}, failures);
            await rowcast.ready({ status: 200, json: { status: 'ok' } });
        }
        await client.expectNothing();
    });

    it('may add and remove tables, and change what clients say', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        const rowcast = await serve(t, { scripts });
        const client = await rowcast.connect();
        await client.subscribe('a');
        const bay = insert('bays', { id: 7, depot: 'a' });
        rowcast.feed(transaction(1, bay, vote('a', 1)));
        assert.equal((await client.events(1))[0].type, 'vote');
        writeFiles(scripts, {
            'tables/bays.lua': `return { insert = function(new)
                return { type = "bay", topic = new.depot, market_id = new.depot, data = { bay = new.id } }
            end }`,
            'client.lua': fs.readFileSync(path.join(SCRIPTS, 'client.lua'), 'utf8').replace('Unknown action: ', 'What is '),
        });
        fs.rmSync(path.join(scripts, 'tables', 'votes.lua'));
        rowcast.signal('SIGHUP');
        await rowcast.logged('reloaded');
        rowcast.feed(transaction(2, vote('a', 2), bay));
        assert.deepEqual((await client.events(1))[0].data, { bay: 7 });
        client.send({ action: 'dance' });
        await client.expect({ type: 'error', data: { error: 'What is dance' } });
    });
});

describe('a row whose script fails', () => {
    // Fails in the way that the trade's wallet names; other rows are fine.
    const failing = `
local ways = {}
function ways.error() error("this row is bad") end
function ways.object() error({ code = 7 }) end
function ways.index() local none; return none.field end
function ways.loop() while true do end end
function ways.protected() while true do pcall(function() while true do end end) end end
function ways.memory() local all = {} while true do all[#all + 1] = string.rep("x", 10000) .. #all end end
function ways.string() return string.rep("x", 1e9) end
function ways.recursion() local function f() return 1 + f() end return f() end
function ways.pattern() return string.find(string.rep("a", 30000), string.rep("a-", 30000) .. "b") end
function ways.sort() table.sort({ 3, 2, 1, 4, 5 }, function() return true end) while true do end end
function ways.type() return { topic = "a", data = {} } end
function ways.topic() return { type = "x", data = {} } end
function ways.topics() return { type = "x", topic = {}, data = {} } end
function ways.id() return { type = "x", topic = "a", id = "mine", data = {} } end
function ways.timestamp() return { type = "x", topic = "a", timestamp = "now", data = {} } end
function ways.nan() return { type = "x", topic = "a", data = { 0 / 0 } } end
function ways.cycle() local t = {} t.t = t return { type = "x", topic = "a", data = t } end
function ways.code() return { type = "x", topic = "a", data = { print } } end
function ways.number() return 7 end
function ways.global() a_global = 1 end
function ways.write() string.format = nil end
function ways.second() return { { type = "ok", topic = "a", data = {} }, { type = "x", data = {} } } end
return { insert = function(new)
    local way = ways[new.user_wallet]
    if way then return way() end
    return { type = "trade", topic = new.market_id, market_id = new.market_id, data = { cost = new.cost } }
end }
`;
    const ways = [...failing.matchAll(/function ways\.(\w+)/g)].map(([, way]) => way);

    const owner = suite();
    let rowcast, client;
    before(async () => {
        const scripts = scriptFolder(owner, { shipped: true, files: { 'tables/trades.lua': failing } });
        rowcast = await serve(owner, { scripts });
        client = await rowcast.connect();
        await client.subscribe('a');
    });

    for (const [at, way] of ways.entries()) {
        it(`is told, and costs the other rows nothing: ${way}`, async () => {
            const before_ = rowcast.lines('row_script_failed').length;
            rowcast.feed(
                transaction(at, trade('a', 3 * at), trade('a', 3 * at + 1, { user_wallet: way }), trade('a', 3 * at + 2)),
            );
            assert.deepEqual(
                (await client.events(2)).map((event) => Number(event.data.cost)),
                [3 * at, 3 * at + 2],
            );
            await client.expectNothing();
            rowcast.signal('SIGUSR1');
            await rowcast.logged('status', { failed_rows: at + 1 });
            const [told, ...more] = rowcast.lines('row_script_failed').slice(before_);
            assert.equal(more.length, 0);
            if (!told) return; // the same line of the script has failed three times already: it is counted
            const { level, message, script, traceback } = told;
            assert.equal(level, 'error');
            assert.match(script, /tables\/trades\.lua/);
            assert.match(message, /tables\/trades\.lua:\d+: ./);
            assert.match(traceback, /./);
            if (way === 'error') assert.match(message, /trades\.lua:3: this row is bad/);
        });
    }

    it('leaves the router ready', async () => {
        assert.equal((await rowcast.get('/ready')).status, 200);
    });
});

describe('client.lua', () => {
    it('that fails for a client costs that client only', async (t) => {
        const scripts = scriptFolder(t, {
            files: {
                'client.lua': `
return {
    connect = function(client) if client.path == "/ws" then error("not you") end return { send = "hello" } end,
    message = function(client, payload)
        if payload == "error" then error("so what") end
        if payload == "loop" then while true do end end
        if payload == "memory" then local t = {} while true do t[#t + 1] = { #t } end end
        if payload == "wrong" then return { sned = "x" } end
        if payload == "kept" then return { state = { big = string.rep("x", 5000) } } end
        return { send = payload }
    end,
}`,
            },
        });
        const rowcast = await serve(t, { scripts });
        const other = await rowcast.connect({ plain: true });
        assert.equal(await other.next(), 'hello');
        const refused = await rowcast.connect({ plain: true, path: '/ws' });
        await refused.expectClosed(1011);
        for (const [at, word] of ['error', 'loop', 'memory', 'wrong', 'kept'].entries()) {
            const client = await rowcast.connect({ plain: true });
            client.send('first');
            client.send(word);
            assert.equal(await client.next(), 'hello');
            assert.equal(await client.next(), 'first');
            await client.expectClosed(1011);
            const { message, client_id } = await rowcast.logged('client_script_failed', {}, at + 2);
            assert.match(message, /client\.lua:\d+: /, word);
            assert.match(client_id, /^client_/);
            other.send('still here');
            assert.equal(await other.next(), 'still here');
        }
    });

    it('may speak another protocol altogether', async (t) => {
        const scripts = scriptFolder(t, {
            files: {
                'client.lua': `
return {
    connect = function(client)
        return {
            { state = { count = 0 } },
            { send = client.path .. " " .. tostring(client.query) .. " " .. tostring(client.protocol) },
            { send = client.headers["user-agent"] .. " " .. client.address .. " " .. tostring(client.headers.origin) },
        }
    end,
    message = function(client, payload, binary)
        if payload == "bye" then return { { send = "one" }, { close = 4003, reason = "go" }, { send = "two" } } end
        if payload == "table" then
            return { send = { type = "table", list = rowcast.array {}, none = rowcast.null, n = 2 ^ 53 } }
        end
        if payload == "count" then
            return { { state = { count = client.state.count + 1 } }, { send = tostring(client.state.count) } }
        end
        if payload == "list" then
            return { { subscribe = "b", ref = 1 }, { subscribe = "a", ref = { x = true } }, { unsubscribe = "b" } }
        end
        if payload == "none" then return nil end
        return { send = payload, binary = binary }
    end,
    subscribed = function(client, result)
        return { send = "+" .. result.topic .. " " .. #client.subscriptions .. " " .. type(result.ref) }
    end,
    unsubscribed = function(client, result)
        return { send = "-" .. result.topic .. " " .. table.concat(client.subscriptions, ",") }
    end,
    disconnect = function(client, code) rowcast.log("info", "gone with " .. code) end,
}`,
                'config.lua': 'return { paths = { "/chat", "/echo" }, protocols = { "v2", "v1" }, max_message = "1KiB" }',
            },
        });
        const rowcast = await serve(t, { scripts, args: [] });
        const headers = { 'User-Agent': 'me/1', Origin: 'https://example.com' };
        const client = await rowcast.connect({ plain: true, path: '/echo?a=%20', protocols: ['v0', 'v1', 'v2'], headers });
        assert.equal(client.socket.protocol, 'v1', 'the first that was offered');
        assert.equal(await client.next(), '/echo a=%20 v1');
        assert.equal(await client.next(), 'me/1 127.0.0.1 https://example.com');
        client.send('hé');
        assert.equal(await client.next(), 'hé');
        client.send(Buffer.from([0, 1, 255]));
        assert.deepEqual(await client.next(), Buffer.from([0, 1, 255]));
        client.send('none');
        for (const count of ['0', '1', '2']) {
            client.send('count');
            assert.equal(await client.next(), count);
        }
        client.send('table');
        const { timestamp, ...rest } = JSON.parse(await client.next());
        assert.match(timestamp, /Z$/);
        assert.deepEqual(rest, { type: 'table', list: [], none: null, n: 9007199254740992 });
        client.send('list');
        for (const line of ['+b 1 number', '+a 2 table', '-b a']) assert.equal(await client.next(), line);

        rowcast.signal('SIGHUP');
        await rowcast.logged('reloaded');
        client.send('count');
        assert.equal(await client.next(), '3', 'the state survives a reload');
        client.send('bye');
        assert.equal(await client.next(), 'one');
        assert.deepEqual(await client.expectClosed(4003), { code: 4003, reason: 'go' });
        assert.equal(client.messages.length, 0, 'what follows a close is not done');

        const big = await rowcast.connect({ plain: true, path: '/chat', headers });
        big.send('x'.repeat(1025));
        await big.expectClosed(1009);
        await assert.rejects(rowcast.connect({ path: '/ws' }), { status: 404 });
        await assert.rejects(rowcast.connect({ path: '/' }), { status: 404 });
        assert.ok(
            rowcast.log.some((line) => /gone with 4003/.test(line.message)),
            rowcast.story,
        );
    });

    it('without any table serves without a database', async (t) => {
        const scripts = scriptFolder(t, {
            files: { 'client.lua': 'return { message = function(_, payload) return { send = payload } end }' },
        });
        const rowcast = await serve(t, { scripts, source: 'postgres' });
        await rowcast.ready();
        const client = await rowcast.connect({ plain: true });
        client.send('echo');
        assert.equal(await client.next(), 'echo');
    });

    it('that is not there answers nobody, and serves', async (t) => {
        const rowcast = await serve(t, { scripts: scriptFolder(t) });
        const client = await rowcast.connect({ plain: true });
        client.send('anyone?');
        assert.equal((await client.close(1000)).code, 1000);
        assert.equal(client.messages.length, 0);
    });
});

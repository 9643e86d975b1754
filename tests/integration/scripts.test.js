// SPDX-License-Identifier: MIT
// What a user edits: scripts that change while it runs, that fail, that never end; and the command line around them.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { spawn } = require('node:child_process');
const { until, suite } = require('./lib/expect.js');
const { serve, run, folder, scriptFolder, writeFiles, environment, BINARY, ROOT, SCRIPTS } = require('./lib/rowcast.js');
const { transaction, insert, market, update, trade, vote, discussion } = require('./lib/rows.js');

const lines = (transactions) => transactions.map((one) => `${JSON.stringify(one)}\n`).join('');

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

    it('in the midst of a stream loses no event, and none is half old', async (t) => {
        const scripts = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': version('0') } });
        const rowcast = await serve(t, { scripts });
        const client = await rowcast.connect();
        await client.subscribe('a');
        const total = 2000;
        for (let i = 0; i < total; i += 2) {
            rowcast.feed(transaction(i, trade('a', i), trade('a', i + 1)));
            if (i % 200 === 100) {
                writeFiles(scripts, { 'tables/trades.lua': version(String(i)) });
                rowcast.signal('SIGHUP');
                await rowcast.logged('reloaded', {}, Math.ceil(i / 200));
            }
        }
        const events = await client.events(total);
        assert.deepEqual(
            events.map((event) => Number(event.data.cost)),
            Array.from({ length: total }, (_, i) => i),
        );
        for (let i = 0; i < total; i += 2) assert.equal(events[i].data.version, events[i + 1].data.version);
        const versions = [...new Set(events.map((event) => Number(event.data.version)))];
        assert.deepEqual(
            versions,
            [...versions].sort((a, b) => a - b),
        );
        assert.ok(versions.length > 1, 'it did change');
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
            'tables/bays.lua':
                'return { insert = function(new) return { type = "bay", topic = new.depot, market_id = new.depot, data = { bay = new.id } } end }',
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
        it(`costs a line in the log, and not the other rows: ${way}`, async () => {
            const before_ = rowcast.lines('row_script_failed').length;
            rowcast.feed(
                transaction(at, trade('a', 3 * at), trade('a', 3 * at + 1, { user_wallet: way }), trade('a', 3 * at + 2)),
            );
            assert.deepEqual(
                (await client.events(2)).map((event) => Number(event.data.cost)),
                [3 * at, 3 * at + 2],
            );
            await client.expectNothing();
            const { level, message, script, traceback } = await rowcast.logged('row_script_failed', {}, before_ + 1);
            assert.equal(rowcast.lines('row_script_failed').length, before_ + 1);
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
        if payload == "table" then return { send = { type = "table", list = rowcast.array {}, none = rowcast.null, n = 2 ^ 53 } } end
        if payload == "count" then
            return { { state = { count = client.state.count + 1 } }, { send = tostring(client.state.count) } }
        end
        if payload == "list" then return { { subscribe = "b", ref = 1 }, { subscribe = "a", ref = { x = true } }, { unsubscribe = "b" } } end
        if payload == "none" then return nil end
        return { send = payload, binary = binary }
    end,
    subscribed = function(client, result)
        return { send = "+" .. result.topic .. " " .. #client.subscriptions .. " " .. type(result.ref) }
    end,
    unsubscribed = function(client, result) return { send = "-" .. result.topic .. " " .. table.concat(client.subscriptions, ",") } end,
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

describe('rowcast check', () => {
    it('is content with the shipped scripts', async () => {
        const { code, stdout, stderr } = await run(['check', '--scripts', SCRIPTS]);
        assert.deepEqual([code, stderr], [0, '']);
        assert.match(stdout, /./);
    });

    it('and with them read only, from elsewhere, with a slash', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        assert.equal((await run(['check', `--scripts=${scripts}/`])).code, 0);
        assert.equal((await run(['check'], { env: { ROWCAST_SCRIPTS: scripts } })).code, 0);
    });

    const broken = {
        'a syntax error': [
            { 'tables/trades.lua': 'return {\n\n  insert = = 1\n}' },
            /^(rowcast: )?\S*tables\/trades\.lua:3: ./m,
        ],
        'an error at load': [{ 'tables/trades.lua': 'local x\nreturn x.y' }, /tables\/trades\.lua:2: ./],
        'a handler nobody calls': [
            { 'tables/trades.lua': 'return { inserted = function() end }' },
            /trades\.lua:1: .*did you mean 'insert'/,
        ],
        'a hook nobody calls': [
            { 'client.lua': 'return { conect = function() end }' },
            /client\.lua:1: .*did you mean 'connect'/,
        ],
        'a file without an end': [{ 'client.lua': '\nwhile true do end' }, /client\.lua:2: ./],
        'a file that returns something else': [{ 'messages.lua': 'return {}' }, /messages\.lua:1: ./],
        'a ring of files': [
            {
                'lib/x.lua': 'return require "lib.y"',
                'lib/y.lua': 'return require "lib.x"',
                'client.lua': 'return require "lib.x"',
            },
            /\.lua:1: ./,
        ],
        'the operating system': [{ 'client.lua': 'os.exit(0)' }, /client\.lua:1: ./],
        'the file system': [{ 'client.lua': 'io.open("/etc/passwd")' }, /client\.lua:1: ./],
        'a module of Lua': [{ 'client.lua': 'local os = require "os"' }, /client\.lua:1: ./],
        'a path': [{ 'client.lua': 'local x = require "../../etc/passwd"' }, /client\.lua:1: ./],
        'code from a string': [{ 'client.lua': 'loadstring("x = 1")' }, /client\.lua:1: ./],
        bytecode: [{ 'client.lua': '\x1bLJ\x02' }, /client\.lua/],
    };
    for (const [what, [files, sentence]] of Object.entries(broken)) {
        it(`names file and line of ${what}`, async (t) => {
            const { code, stdout, stderr } = await run(['check', '--scripts', scriptFolder(t, { files })]);
            assert.equal(code, 78, stdout + stderr);
            assert.match(stdout + stderr, sentence);
        });
    }

    it('says what a folder lacks', async (t) => {
        const { code, stderr } = await run(['check', '--scripts', path.join(folder(t), 'nothing')]);
        assert.equal(code, 78);
        assert.match(stderr, /nothing/);
    });
});

describe('rowcast replay', () => {
    const rows = [
        transaction(1, insert('markets', market('a')), trade('a', 1)),
        transaction(
            2,
            update('markets', market('a'), market('a', { yes_shares: 10 })),
            trade('a', 2),
            discussion('a', 3, 'é\u2028"'),
        ),
        { lsn: '0/16B3748', xid: 731, time: '2025-11-09T12:00:00.000Z', changes: [vote('b', 4)] },
        { changes: [vote('b', 5)], lsn: '0/16B3749', time: '2025-11-09T12:00:01.123Z' },
    ];
    const file = (t, text) => {
        const name = path.join(folder(t), 'rows.jsonl');
        fs.writeFileSync(name, text);
        return name;
    };

    it('prints the events, the same bytes each time', async (t) => {
        const name = file(t, lines(rows));
        const first = await run(['replay', name]);
        assert.deepEqual([first.code, first.stderr], [0, '']);
        for (const env of [
            { TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8' },
            { LC_ALL: 'C', ROWCAST_WORKERS: '1' },
        ])
            assert.deepEqual(await run(['replay', name], { env }), first);
        assert.deepEqual(await run(['replay', '-'], { input: lines(rows) }), first);
        const events = first.stdout.trimEnd().split('\n').map(JSON.parse);
        assert.deepEqual(
            events.map((event) => event.type),
            ['market_state', 'trade', 'market_state', 'trade', 'discussion', 'vote', 'vote'],
        );
        assert.equal(events[4].data.content, 'é\u2028"');
        assert.equal(events[6].timestamp, '2025-11-09T12:00:01.123Z');
        assert.ok(events[3].data.price_after > events[3].data.price_before);
    });

    it('prints what a router sends, byte for byte', async (t) => {
        const { stdout } = await run(['replay', file(t, lines(rows))]);
        const rowcast = await serve(t, {});
        const client = await rowcast.connect({ plain: true });
        await client.next();
        client.send('{"action":"subscribe","market_ids":["a","b"]}');
        await client.next();
        await client.next();
        rowcast.feed(...rows);
        const seen = [];
        for (let i = 0; i < 7; i++) seen.push(await client.next());
        assert.equal(`${seen.join('\n')}\n`, stdout);
    });

    it('takes other scripts', async (t) => {
        const scripts = scriptFolder(t, { files: { 'tables/trades.lua': version('other') } });
        const { code, stdout } = await run(['replay', file(t, lines(rows)), '--scripts', scripts]);
        assert.equal(code, 0);
        assert.deepEqual(
            stdout
                .trimEnd()
                .split('\n')
                .map((line) => JSON.parse(line).data.version),
            ['other', 'other'],
        );
    });

    it('tells of rows whose script fails, and goes on', async (t) => {
        const scripts = scriptFolder(t, {
            shipped: true,
            files: { 'tables/trades.lua': 'return { insert = function(new) error("no") end }' },
        });
        const { code, stdout, stderr } = await run(['replay', file(t, lines(rows)), '--scripts', scripts]);
        assert.equal(code, 1);
        assert.match(stderr, /tables\/trades\.lua:1: no/);
        assert.equal(stdout.trimEnd().split('\n').length, 5);
    });

    it('names the line that is wrong', async (t) => {
        const good = lines(rows.slice(0, 1));
        for (const bad of [
            'nonsense',
            '{"changes":7}',
            '{"changes":[{"op":"insrt","table":"a","new":{}}]}',
            '{"chnges":[]}',
            '{"changes":[],"lsn":"x"}',
            '{"changes":[],"time":"noon"}',
        ]) {
            const { code, stderr } = await run(['replay', file(t, `${good}\n${bad}\n`)]);
            assert.notEqual(code, 0, bad);
            assert.match(stderr, /rows\.jsonl.*(line |:)3/, bad);
        }
        const none = await run(['replay', path.join(folder(t), 'none.jsonl')]);
        assert.notEqual(none.code, 0);
        assert.match(none.stderr, /none\.jsonl/);
        assert.equal((await run(['replay'])).code, 2);
    });

    it('of a file that is served ends the stream at the wrong line, not the router', async (t) => {
        const name = file(t, `${lines(rows.slice(0, 1))}nonsense\n`);
        const rowcast = await serve(t, { source: name });
        const { json } = await rowcast.ready({ status: 503 });
        assert.match(JSON.stringify(json.checks), /rows\.jsonl:2: /);
        await rowcast.connect();
    });
});

describe('the command line', () => {
    const fails = async (args, code, pattern, options) => {
        const result = await run(args, options);
        assert.equal(result.code, code, `${args.join(' ')}: ${JSON.stringify(result)}`);
        assert.match(result.stderr, pattern);
        assert.equal(result.stderr.trimEnd().split('\n').length, 1, `one sentence is enough: ${result.stderr}`);
    };

    it('suggests what was meant', async () => {
        await fails(['--prot', '1'], 2, /--prot.*did you mean '--port'/);
        await fails(['serve', '--worker=2'], 2, /--worker.*did you mean '--workers'/);
        await fails(['db', 'setup', '--dryrun'], 2, /did you mean '--dry-run'/);
        await fails(['chekc'], 2, /chekc.*did you mean 'check'/);
        await fails(['db'], 2, /setup/);
        await fails(['db', 'frobnicate'], 2, /setup/);
        await fails(['serve', 'extra'], 2, /extra/);
        await fails(['--port'], 2, /--port/);
        await fails(['-x'], 2, /-x/);
    });

    it('refuses values that are none', async () => {
        for (const [args, word] of [
            [['--port', 'x'], 'x'],
            [['--port', '70000'], '70000'],
            [['--port', '-1'], '-1'],
            [['--workers', '0'], '0'],
            [['--log-level', 'loud'], 'loud'],
            [['--heartbeat', '30'], '30'],
            [['--max-message', '16 elephants'], 'elephants'],
        ])
            await fails(args, 78, new RegExp(word));
        await fails([], 78, /ROWCAST_HISTORY.*x|history = x/, { env: { ROWCAST_HISTORY: 'x' } });
    });

    it('knows the keys of its files', async (t) => {
        const file = path.join(folder(t), 'rowcast.conf');
        const config = (text) => {
            fs.writeFileSync(file, text);
            return ['--config', file, '--source', '-'];
        };
        await fails(config('# fine\n\nprot = 1\n'), 78, /rowcast\.conf:3: .*prot.*did you mean 'port'/);
        await fails(config('port 1\n'), 78, /rowcast\.conf:1: /);
        await fails(config('port = many\n'), 78, /many/);
        await fails(['--config', `${file}.none`], 78, /rowcast\.conf\.none/);
        const scripts = scriptFolder(t, { files: { 'config.lua': 'return { max_mesage = "1KiB" }' } });
        await fails(['--source', '-', '--scripts', scripts], 78, /config\.lua.*max_mesage.*did you mean 'max_message'/);
        writeFiles(scripts, { 'config.lua': 'return 7' });
        await fails(['--source', '-', '--scripts', scripts], 78, /config\.lua:1: /);
    });

    it('takes settings in the order of their origin', async (t) => {
        const scripts = scriptFolder(t, {
            files: {
                'config.lua': 'return { workers = 1, max_queue = "2MiB", history = "1MiB", slot = "lua", publication = "lua" }',
            },
        });
        const file = path.join(folder(t), 'rowcast.conf');
        fs.writeFileSync(file, 'max_queue = 3MiB # of the file\nhistory = 3MiB\nslot = file\n'.replace(' # of the file', ''));
        const env = { ROWCAST_SCRIPTS: scripts, ROWCAST_HISTORY: '4MiB', ROWCAST_SLOT: 'environment' };
        const { code, stdout } = await run(['--print-config', '--config', file, '--slot=flag'], { env });
        assert.equal(code, 0);
        const shown = Object.fromEntries(
            [...stdout.matchAll(/^(\w+) += (\S*) *# (.*)$/gm)].map(([, key, value, origin]) => [key, [value, origin]]),
        );
        assert.deepEqual(shown.workers, ['1', 'config.lua']);
        assert.deepEqual(shown.publication, ['lua', 'config.lua']);
        assert.deepEqual(shown.max_queue, ['3MiB', file]);
        assert.deepEqual(shown.history, ['4MiB', 'ROWCAST_HISTORY']);
        assert.deepEqual(shown.slot, ['flag', '--slot']);
        assert.deepEqual(shown.port, ['4001', 'default']);
    });

    it('shows the settings without the password', async () => {
        for (const url of [
            'postgresql://me:s3cret@localhost/x',
            'host=localhost user=me password=s3cret dbname=x',
            'postgresql://me@localhost/x?password=s3cret',
        ]) {
            const { code, stdout, stderr } = await run(['serve', '--print-config'], { env: { DATABASE_URL: url } });
            assert.equal(code, 0);
            assert.match(stdout, /^database +=/m);
            assert.match(stdout, /DATABASE_URL/);
            assert.doesNotMatch(stdout + stderr, /s3cret/);
        }
    });

    it('helps', async () => {
        const { code, stdout, stderr } = await run(['--help']);
        assert.deepEqual([code, stderr], [0, '']);
        for (const word of [
            'serve',
            'check',
            'replay',
            'db',
            'version',
            '--port',
            'DATABASE_URL',
            '--source',
            'ROWCAST_HISTORY',
        ])
            assert.ok(stdout.includes(word), word);
        assert.deepEqual(await run(['-h']), await run(['help']));
        for (const command of ['serve', 'check', 'replay', 'db', 'version']) {
            const help = await run([command, '--help']);
            assert.equal(help.code, 0);
            assert.ok(help.stdout.includes(`rowcast ${command}`) || help.stdout.includes(`[${command}]`), help.stdout);
        }
        const version = await run(['version']);
        assert.match(version.stdout, /^rowcast \d+\.\d+\.\d+\n$/);
        assert.deepEqual(await run(['--version']), version);
    });
});

describe('a start that cannot be', () => {
    it('is refused with broken scripts: 78, and where', async (t) => {
        const scripts = scriptFolder(t, {
            shipped: true,
            files: { 'tables/votes.lua': 'return {\n  insert = fnction() end,\n}' },
        });
        const { code, stderr } = await run(['--source', '-', '--port', '0', '--scripts', scripts]);
        assert.equal(code, 78);
        assert.match(stderr, /tables\/votes\.lua:2: /);
    });

    it('is refused without a database for tables: 78, and a hint', async () => {
        const { code, stderr } = await run(['--port', '0']);
        assert.equal(code, 78);
        assert.match(stderr, /DATABASE_URL/);
        assert.match(stderr, /--source/);
    });

    it('is refused on a taken port: 69, whoever holds it', async (t) => {
        const holder = net.createServer();
        await new Promise((resolve) => {
            holder.listen(0, '127.0.0.1', resolve);
        });
        t.after(() => holder.close());
        const rowcast = await serve(t);
        for (const port of [holder.address().port, rowcast.port]) {
            const { code, stderr } = await run(['--source', '-', '--port', String(port), '--host', '127.0.0.1']);
            assert.equal(code, 69, stderr);
            assert.match(stderr, new RegExp(`\\b${port}\\b`));
        }
        const everywhere = await serve(t, { env: { WS_HOST: '' } });
        assert.equal((await run(['--source', '-', '--port', String(everywhere.port)])).code, 69);
        await (await rowcast.connect()).expectNothing();
    });

    it('is refused on an address that is none', async () => {
        const { code, stderr } = await run(['--source', '-', '--port', '0', '--host', '192.0.2.1']);
        assert.ok([69, 78].includes(code), stderr);
        assert.match(stderr, /192\.0\.2\.1/);
    });

    it('is refused with a source that is not there', async () => {
        const { code, stderr } = await run(['--source', '/nonexistent/rows.jsonl', '--port', '0']);
        assert.notEqual(code, 0);
        assert.match(stderr, /\/nonexistent\/rows\.jsonl/);
    });
});

describe('on a terminal', () => {
    // Runs it as in a terminal until it listens, and gives what it wrote.
    async function written(t, env) {
        const settings = environment({ WS_PORT: '0', NO_COLOR: '1', ...env });
        const child = spawn('script', ['-qec', `${BINARY} --source /dev/null`, '/dev/null'], { cwd: ROOT, env: settings });
        t.after(() => child.kill());
        let text = '';
        child.stdout.on('data', (bytes) => (text += bytes));
        await until(
            'a log line',
            () => /listening[^\n]*\n/.test(text),
            () => text,
        );
        return text.split(/\r?\n/)[0];
    }

    it('the log is for people, unless NODE_ENV says production', async (t) => {
        const line = await written(t, {});
        assert.throws(() => JSON.parse(line), undefined, line);
        assert.match(line, /listening/);
        assert.equal(JSON.parse(await written(t, { NODE_ENV: 'production' })).event, 'listening');
    });
});

describe('addresses', () => {
    it('are all of the machine, IPv4 and IPv6, unless one is named', async (t) => {
        const rowcast = await serve(t, { env: { WS_HOST: '' } });
        for (const host of ['127.0.0.1', '[::1]']) {
            rowcast.url = `ws://${host}:${rowcast.port}`;
            await (await rowcast.connect()).expectNothing();
        }
    });
});

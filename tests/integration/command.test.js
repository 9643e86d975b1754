// SPDX-License-Identifier: MIT
// The command line: check, replay, settings and where they come from, and starts that cannot be.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, it } = require('node:test');
const { until, inTime } = require('./lib/expect.js');
const { serve, run, folder, scriptFolder, writeFiles, environment, BINARY, ROOT, SCRIPTS } = require('./lib/rowcast.js');
const { transaction, insert, market, update, trade, vote, discussion } = require('./lib/rows.js');

const lines = (transactions) => transactions.map((one) => `${JSON.stringify(one)}\n`).join('');

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
        const other = 'return { insert = function(new) return { type = "other", topic = "a", number = new.cost } end }';
        const scripts = scriptFolder(t, { files: { 'tables/trades.lua': other } });
        const { code, stdout } = await run(['replay', file(t, lines(rows)), '--scripts', scripts]);
        assert.equal(code, 0);
        const events = stdout.trimEnd().split('\n').map(JSON.parse);
        assert.deepEqual(
            events.map(({ type, number }) => type + number),
            ['other1', 'other2'],
        );
    });

    it('explains which row and which line made what', async (t) => {
        const files = {
            'tables/trades.lua': `return {
                insert = function(new)
                    if new.cost == "1" then return nil end
                    return { { type = "a", topic = { "x", "y" } }, { type = "b", topic = "z" } }
                end,
            }`,
            'tables/votes.lua': 'return { insert = function() error("no") end }',
        };
        const scripts = scriptFolder(t, { files });
        const { code, stdout } = await run(['replay', file(t, lines(rows)), '--explain', '--scripts', scripts]);
        assert.equal(code, 1, 'rows failed');
        const said = stdout.replaceAll(scripts, 'scripts').split('\n');
        const starts = (at, text) => assert.ok(said[at].startsWith(text), `${said[at]}\nis not\n${text}`);
        starts(0, '0/1 change 0 insert public.markets id=a: no event: no script is of this table');
        starts(1, '0/1 change 1 insert public.trades id=1: no event: scripts/tables/trades.lua:2 returned none');
        starts(2, '0/2 change 0 update public.markets id=a: no event');
        starts(3, '0/2 change 1 insert public.trades id=2: scripts/tables/trades.lua:2 made 2 events');
        starts(4, '  to x, y: {"type":"a",');
        starts(5, '  to z: {"type":"b",');
        starts(7, '0/16B3748 xid 731 change 0 insert public.votes id=4: scripts/tables/votes.lua:1 failed');
        starts(8, '  scripts/tables/votes.lua:1: no');
    });

    it('says what other scripts would make of it', async (t) => {
        const name = file(t, lines(rows));
        const trades = fs.readFileSync(path.join(SCRIPTS, 'tables/trades.lua'), 'utf8');
        const same = await run(['replay', name, '--diff', scriptFolder(t, { shipped: true })]);
        assert.deepEqual([same.code, same.stdout], [0, ''], same.stderr);
        assert.match(same.stderr, /none of 7 events differs/);

        const other = scriptFolder(t, {
            shipped: true,
            files: {
                'tables/trades.lua': trades.replace('topic = market_id', 'topic = "trades"').replace('cost = column.text', 'price = column.text'),
                'tables/votes.lua': 'return { insert = function(new) if new.id == "4" then error("no") end end }',
                'tables/markets.lua': 'return { update = function(new) return { type = "moved", topic = new.id } end }',
            },
        });
        const { code, stdout, stderr } = await run(['replay', name, '--diff', other]);
        assert.equal(code, 1);
        assert.match(stderr, /7 of 8 events differ, of 6 rows/);
        const seen = stdout.replaceAll(other, 'other').split('\n');
        const expected = [
            `--- ${SCRIPTS}`.replace(`${ROOT}/`, ''),
            '+++ other',
            '@@ 0/1 change 0 insert public.markets id=a @@',
            '- market_state to a: {',
            '@@ 0/1 change 1 insert public.trades id=1 @@',
            '  trade to a',
            '-   topic: a',
            '+   topic: trades',
            '-   data.cost: "1"',
            '+   data.price: "1"',
            '@@ 0/2 change 0 update public.markets id=a @@',
            '- market_state to a: {',
            '+ moved to a: {',
        ];
        for (const [at, line] of expected.entries()) assert.ok(seen[at].startsWith(line), `${seen[at]}\nis not\n${line}`);
        assert.ok(seen.includes('+ failed: other/tables/votes.lua:1: no'), stdout);
    });

    it('says where, and of which row, a script failed', async (t) => {
        const scripts = scriptFolder(t, { files: { 'tables/votes.lua': 'return {\ninsert = function() error("no") end }' } });
        const { code, stderr } = await run(['replay', file(t, lines(rows.slice(2, 3))), '--scripts', scripts]);
        assert.equal(code, 1);
        assert.match(stderr, /tables\/votes\.lua:2: no\n {2}of the row 0\/16B3748 xid 731 change 0 insert public\.votes id=4\n/);
    });

    it('refuses what it cannot do', async (t) => {
        const name = file(t, lines(rows));
        assert.equal((await run(['replay', name, '--diff', 'scripts', '--explain'])).code, 2);
        const none = await run(['replay', name, '--diff', path.join(folder(t), 'none')]);
        assert.equal(none.code, 78);
        assert.match(none.stderr, /none/);
        const broken = scriptFolder(t, { files: { 'tables/a.lua': 'return' } });
        assert.match((await run(['replay', name, '--diff', broken])).stderr, /tables\/a\.lua:1/);
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
        await rowcast.unready(/rows\.jsonl:2: /);
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
        fs.writeFileSync(file, 'max_queue = 3MiB # of the file\nhistory = 3MiB\nslot = file\n');
        const env = { ROWCAST_SCRIPTS: scripts, ROWCAST_HISTORY: '4MiB', ROWCAST_SLOT: 'environment' };
        const { code, stdout } = await run(['--print-config', '--config', file, '--slot=flag'], { env });
        assert.equal(code, 0);
        const shown = Object.fromEntries(
            [...stdout.matchAll(/^(\w+) += (\S*) *# (.*)$/gm)].map(([, key, value, origin]) => [key, [value, origin]]),
        );
        assert.deepEqual(shown.workers, ['1', 'config.lua']);
        assert.deepEqual(shown.publication, ['lua', 'config.lua']);
        assert.deepEqual(shown.max_queue, ['3MiB', `${file}:1`]);
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

describe('a variable that is no setting', () => {
    const env = { ROWCAST_PUBLICATON: 'others', ROWCAST_X: '1' };

    it('is told by every command, which goes on', async () => {
        for (const args of [['check', '--scripts', SCRIPTS], ['--print-config']]) {
            const { code, stderr } = await run(args, { env });
            assert.equal(code, 0);
            assert.match(stderr, /ROWCAST_PUBLICATON.*did you mean ROWCAST_PUBLICATION\?/);
            assert.match(stderr, /ROWCAST_X\b/);
        }
    });

    it('is told by the router behind the line with its port', async (t) => {
        const rowcast = await serve(t, { env });
        const { level, name } = await rowcast.logged('unknown_variable');
        assert.deepEqual([level, name], ['warn', 'ROWCAST_PUBLICATON']);
        assert.equal(rowcast.log[0].event, 'listening');
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
    // Runs it as in a terminal until it serves, types Ctrl-C, and gives the lines it wrote.
    async function written(t, env) {
        const settings = environment({ WS_PORT: '0', ROWCAST_ADMIN: '127.0.0.1:0', NO_COLOR: '1', ...env });
        const command = `exec setpriv --pdeathsig KILL -- ${BINARY} --source /dev/null`;
        const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: ROOT, env: settings });
        t.after(() => child.kill('SIGKILL'));
        const ended = new Promise((resolve) => {
            child.on('close', resolve);
        });
        let text = '';
        child.stdout.on('data', (bytes) => (text += bytes));
        const serves = () => /stream runs/.test(text);
        await until('it serves', serves, () => text);
        child.stdin.write('\x03');
        assert.equal(await inTime('its end', ended, () => text), 0, text);
        return text.split(/\r?\n/);
    }

    it('the log is for people, unless NODE_ENV says production', async (t) => {
        const [first] = await written(t, {});
        assert.match(first, /info +listening on port \d+/);
        const [line] = await written(t, { NODE_ENV: 'production' });
        assert.equal(JSON.parse(line).event, 'listening');
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

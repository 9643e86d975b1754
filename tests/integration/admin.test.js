// SPDX-License-Identifier: MIT
// The admin port: what it answers, to whom, and that every figure moves when its cause comes.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, it } = require('node:test');
const { serve, run, scriptFolder, writeFiles, ROOT } = require('./lib/rowcast.js');
const { Database, start, tradeOf, marketOf, voteOf } = require('./lib/database.js');
const { Server } = require('./lib/server.js');
const { until, matches } = require('./lib/expect.js');
const { transaction, trade } = require('./lib/rows.js');

// What a connection that sends `text` to the port gets, until the server ends it.
function talk(port, text, host = '127.0.0.1') {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, host, () => socket.write(text));
        let answer = '';
        socket.setEncoding('utf8').on('data', (part) => (answer += part));
        socket.on('end', () => resolve(answer));
        socket.on('error', reject);
    });
}

// Waits until the metrics are like the pattern.
async function measured(rowcast, pattern) {
    let last;
    const asked = async () => matches((last = await rowcast.metrics()), pattern);
    const seen = () => JSON.stringify(Object.fromEntries(Object.keys(pattern).map((name) => [name, last[name]])));
    await until('the metrics', asked, seen);
    return last;
}

const sumOf = (metrics, name) =>
    Object.entries(metrics).reduce((sum, [series, value]) => (series.startsWith(`${name}{`) ? sum + value : sum), 0);

describe('the admin port', () => {
    it('answers /health, /ready, /status and /metrics, and says so elsewhere', async (t) => {
        const rowcast = await serve(t);
        await rowcast.ready();
        const get = (target) => rowcast.get(target, rowcast.adminPort);
        assert.equal((await get('/health')).status, 200);
        assert.deepEqual(JSON.parse((await get('/ready')).body).checks, { source: 'ok', scripts: 'ok' });
        assert.match((await get('/status?x=1')).headers['content-type'], /^application\/json/);
        assert.match((await get('/metrics')).headers['content-type'], /^text\/plain; version=0\.0\.4/);
        for (const target of ['/', '/ws', '/nothing', '/status/', '/metrics/x']) {
            const { status, body } = await get(target);
            assert.equal(status, 404, target);
            assert.match(body, /\/health, \/ready, \/status.*\/metrics/);
        }
        for (const target of ['/status', '/metrics']) assert.equal((await rowcast.get(target)).status, 404, 'public port');
    });

    it('knows GET and HEAD only, and no WebSockets', async (t) => {
        const { adminPort } = await serve(t);
        const head = await talk(adminPort, 'HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n');
        assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(head, /\r\nContent-Length: [1-9]\d+\r\n/);
        assert.ok(head.endsWith('\r\n\r\n'), head);
        for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
            const answer = await talk(adminPort, `${method} /status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
            assert.match(answer, /^HTTP\/1\.1 405 .*\r\n(.*\r\n)*Allow: GET, HEAD\r\n/, method);
        }
        const upgrade = [
            'GET /ws HTTP/1.1',
            'Host: x',
            'Upgrade: websocket',
            'Connection: Upgrade',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ];
        assert.match(await talk(adminPort, `${upgrade.join('\r\n')}\r\n\r\n`), /^HTTP\/1\.1 404 /);
        assert.match(await talk(adminPort, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
        assert.match(await talk(adminPort, `GET /${'x'.repeat(20000)} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 414 /);
    });

    it('ends who does not come to the point, and lets only some wait', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HANDSHAKE_TIMEOUT: '300ms' } });
        assert.match(await talk(rowcast.adminPort, 'GET /status HT'), /^HTTP\/1\.1 408 /);
        const crowd = await serve(t);
        const ended = [];
        const idle = Array.from({ length: 100 }, () => net.connect(crowd.adminPort, '127.0.0.1'));
        for (const socket of idle) socket.on('error', () => {}).on('close', () => ended.push(socket));
        t.after(() => idle.forEach((socket) => socket.destroy()));
        await until('those beyond 64 are turned away', () => ended.length === 36);
        await (await crowd.connect()).expectNothing();
        idle.forEach((socket) => socket.destroy());
        await until('there is room again', () => crowd.status().then(Boolean, () => false));
    });

    it('does not keep the router from draining', async (t) => {
        const rowcast = await serve(t);
        const socket = net.connect(rowcast.adminPort, '127.0.0.1').on('error', () => {});
        await new Promise((resolve) => socket.on('connect', resolve));
        rowcast.signal('SIGTERM');
        await rowcast.expectExit(0);
    });

    it('listens where it is told to', async (t) => {
        for (const [address, host] of [
            ['[::1]:0', '::1'],
            ['localhost:0', 'localhost'],
            [':0', '::1'],
            ['0', '127.0.0.1'],
        ]) {
            const { adminPort } = await serve(t, { env: { ROWCAST_ADMIN: address } });
            assert.match(await talk(adminPort, 'GET /health HTTP/1.0\r\n\r\n', host), /^HTTP\/1\.1 200 /, address);
        }
        const off = await serve(t, { args: ['--admin', 'off'] });
        assert.equal(off.log[0].admin_port, undefined);
    });

    it('is refused on a taken port: 69, with the flag that helps', async (t) => {
        const rowcast = await serve(t);
        const taken = `127.0.0.1:${rowcast.adminPort}`;
        const { code, stderr } = await run(['--source', '-', '--port', '0', '--host', '127.0.0.1'], {
            env: { ROWCAST_ADMIN: taken },
        });
        assert.equal(code, 69, stderr);
        assert.match(stderr, new RegExp(`rowcast: cannot listen on 127\\.0\\.0\\.1 port ${rowcast.adminPort}: .*taken`));
        assert.match(stderr, /--admin 127\.0\.0\.1:0 .*--admin off/);
        for (const bad of ['here', '127.0.0.1', '::1:4002', '127.0.0.1:99999']) {
            const refused = await run(['--source', '-', '--admin', bad]);
            assert.equal(refused.code, 78, bad);
            assert.match(refused.stderr, /admin = .*HOST:PORT/);
        }
    });
});

describe('/status', () => {
    it('tells what the router reads, keeps and serves', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['a', 'b']);
        await database.sql(tradeOf('a', 1));
        const [event] = await client.events(1);
        const [[system], [lsn]] = [
            await database.sql('select system_identifier from pg_control_system()'),
            await database.sql('select pg_current_wal_flush_lsn()'),
        ];
        const number = (text) => text.split('/').reduce((sum, part) => sum * 2n ** 32n + BigInt(`0x${part}`), 0n);
        let status;
        const passed = async () => {
            status = await rowcast.status();
            return status.source.safe_lsn && number(status.source.safe_lsn) >= number(lsn);
        };
        await until('the writer’s position has passed', passed, () => JSON.stringify(status));
        const { source, history, clients, scripts } = status;
        assert.equal(status.status, 'ok');
        assert.deepEqual([status.pid, status.port, status.admin_port], [rowcast.child.pid, rowcast.port, rowcast.adminPort]);
        assert.ok(status.uptime_seconds > 0);
        assert.deepEqual(
            [source.kind, source.connected, source.state, source.system, source.timeline, source.slot, source.publication],
            ['postgres', true, 'ok', system, 1, database.slot, 'rowcast'],
        );
        assert.ok(source.position.id >= event.id, JSON.stringify(source));
        assert.ok(number(source.position.lsn) > 0n);
        assert.ok(number(source.flushed_lsn) < number(source.safe_lsn)); // it is held back
        assert.equal(BigInt(source.window_bytes), number(source.safe_lsn) - number(source.flushed_lsn));
        assert.deepEqual([history.events, history.oldest_id, history.newest_id], [1, event.id, event.id]);
        assert.ok(history.bytes > 0 && history.max_bytes === 64 << 20 && history.max_seconds === 600);
        assert.deepEqual(clients, { connections: 1, subscriptions: 2, waiting: 0, behind: 0 });
        assert.equal(status.topics, 2);
        const workers = status.workers.reduce((sum, one) => sum + one.connections, 0);
        assert.equal(workers, 1);
        const { seconds, ...trades } = scripts.tables.find(({ table }) => table === 'trades');
        assert.ok(seconds > 0 && seconds < 60, `${seconds}`);
        assert.deepEqual(
            trades,
            { script: 'tables/trades.lua', table: 'trades', rows: 1, events: 1, errors: 0 },
        );
        assert.match(scripts.hash, /^[0-9a-f]{16}$/);
    });

    it('tells who waits, and where the database is, which the public is not told', async (t) => {
        const database = { settings: { DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/none' } };
        const rowcast = await serve(t, { database });
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'a' });
        await until('it waits', async () => (await rowcast.status()).clients.waiting === 1);
        const { status, source } = await rowcast.status();
        assert.deepEqual([status, source.connected], ['unavailable', false]);
        assert.match(source.state, /127\.0\.0\.1:1\b/);
        const answer = await rowcast.get('/ready');
        assert.equal(answer.status, 503);
        assert.match(answer.body, /change stream is not available/);
        assert.doesNotMatch(answer.body, /127\.0\.0\.1|none|s3cret/);
    });

    it('has another hash when a script was changed, and the time of loading', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        const rowcast = await serve(t, { scripts });
        const before = (await rowcast.status()).scripts;
        const reload = async (count) => {
            rowcast.signal('SIGHUP');
            await rowcast.logged('reloaded', {}, count);
            return (await rowcast.status()).scripts;
        };
        const same = await reload(1);
        assert.equal(same.hash, before.hash);
        assert.ok(same.loaded_at > before.loaded_at);
        fs.appendFileSync(path.join(scripts, 'lib', 'lmsr.lua'), '-- changed\n');
        assert.notEqual((await reload(2)).hash, before.hash);
    });

    it('is what USR1 writes to the log', async (t) => {
        const { rowcast, client } = await start(t, await Database.create(t), ['a']);
        const status = await rowcast.status();
        rowcast.signal('SIGUSR1');
        const line = await rowcast.logged('status');
        assert.deepEqual(
            [line.connections, line.subscriptions, line.topics, line.history_events, line.admin_port, line.source],
            [1, 1, status.topics, status.history.events, rowcast.adminPort, 'ok'],
        );
        await rowcast.logged('status_facts', {}, 7); // without a shadow
        const facts = Object.assign({}, ...rowcast.lines('status_facts').map((line) => JSON.parse(line.facts)));
        assert.deepEqual(shape(facts), shape(status));
        assert.deepEqual([facts.version, facts.port, facts.source.slot], [status.version, status.port, status.source.slot]);
        await client.expectNothing();
    });
});

// The names of all members, as paths.
function shape(value, at = '') {
    if (value === null || typeof value !== 'object') return [at];
    return Object.entries(value).flatMap(([name, member]) => shape(member, `${at}/${name}`)).sort();
}

// What `promtool check metrics` looks at, and the text format itself.
function lint(text) {
    assert.ok(text.endsWith('\n'));
    const families = new Map(); // name -> type
    const series = new Set();
    let family;
    for (const line of text.split('\n').slice(0, -1)) {
        const header = /^# (HELP|TYPE) ([a-z][a-z0-9_]*) (.+)$/.exec(line);
        if (header?.[1] === 'HELP') {
            family = { name: header[2] };
            assert.ok(!families.has(family.name), `${family.name} comes twice`);
            assert.match(header[3], /\.$/);
            continue;
        }
        if (header) {
            assert.equal(header[2], family.name, line);
            assert.match(header[3], /^(counter|gauge|histogram)$/);
            family.type = header[3];
            families.set(family.name, family.type);
            assert.equal(family.name.endsWith('_total'), family.type === 'counter', line);
            assert.doesNotMatch(family.name, /_(count|sum|bucket|counter|gauge|ms|milliseconds)$/);
            continue;
        }
        const sample = /^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line);
        assert.ok(sample, `not a sample: ${line}`);
        const [, name, labels = '', value] = sample;
        const suffix = name.slice(family.name.length);
        assert.ok(name.startsWith(family.name) && family.type, `${line} is in the family ${family.name}`);
        assert.ok(family.type === 'histogram' ? /^_(bucket|sum|count)$/.test(suffix) : suffix === '', line);
        assert.ok(!series.has(`${name}{${labels}}`), `${line} comes twice`);
        series.add(`${name}{${labels}}`);
        assert.ok(!Number.isNaN(Number(value)), line);
        if (suffix !== '_bucket') {
            if (suffix === '_count') assert.equal(Number(value), family.last, `${line}: not what +Inf has`);
            continue;
        }
        const [, others, le] = /^(.*?),?le="([^"]+)"$/.exec(labels);
        const bound = le === '+Inf' ? Infinity : Number(le);
        if (family.others !== others || family.bound === Infinity) Object.assign(family, { others, bound: -1, last: 0 });
        assert.ok(bound > family.bound && Number(value) >= family.last, `${line}: not cumulative`);
        Object.assign(family, { bound, last: Number(value) });
    }
    return families;
}

describe('/metrics', () => {
    it('has what was promised, in the format that Prometheus reads', async (t) => {
        const { rowcast, client } = await start(t, await Database.create(t), ['a']);
        client.send({ action: 'dance "\\\n' });
        await client.expect({ type: 'error' });
        rowcast.signal('SIGHUP');
        await rowcast.logged('reloaded');
        await rowcast.get('/metrics', rowcast.adminPort);
        await measured(rowcast, { rowcast_slot_retained_bytes: (bytes) => bytes >= 0 });
        await until('the descriptors are counted', async () => (await rowcast.metrics()).process_open_fds > 0);
        const families = lint((await rowcast.get('/metrics', rowcast.adminPort)).body);
        const promised = `build_info connections connections_total disconnects_total subscriptions topics transactions_total
            rows_total events_total deliveries_total sent_bytes_total send_queue_bytes client_messages_total client_errors_total
            script_errors_total script_seconds commit_to_send_seconds lua_memory_bytes reloads_total resumes_total
            history_events history_bytes replication_lag_bytes replication_lag_seconds source_connected slot_retained_bytes
            source_reconnects_total`;
        for (const name of promised.split(/\s+/)) assert.ok(families.has(`rowcast_${name}`), name);
        for (const name of ['cpu_seconds_total', 'open_fds', 'max_fds', 'virtual_memory_bytes', 'resident_memory_bytes'])
            assert.ok(families.has(`process_${name}`), name);
        for (const name of ['rowcast_script_seconds', 'rowcast_commit_to_send_seconds'])
            assert.equal(families.get(name), 'histogram');
        const text = fs.readFileSync(path.join(ROOT, 'docs', 'OPERATIONS.md'), 'utf8');
        for (const name of families.keys()) assert.ok(text.includes(`\`${name}\``), `${name} is not in docs/OPERATIONS.md`);
    });

    it('follows rows to events to clients', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['a']);
        const other = await rowcast.connect();
        await other.subscribe('a');
        const before = await rowcast.metrics();
        await database.commit(marketOf('a'), tradeOf('a', 1), tradeOf('a', 2), voteOf('b'));
        await client.events(3);
        await other.events(3);
        const after = await measured(rowcast, {
            'rowcast_commit_to_send_seconds_count': (count) => count > before.rowcast_commit_to_send_seconds_count,
        });
        const grown = (name) => after[name] - (before[name] ?? 0);
        assert.equal(grown('rowcast_transactions_total'), 1);
        assert.equal(grown('rowcast_rows_total{table="markets",op="insert"}'), 1);
        assert.equal(grown('rowcast_rows_total{table="trades",op="insert"}'), 2);
        assert.equal(grown('rowcast_events_total{type="trade"}'), 2);
        assert.equal(grown('rowcast_events_total{type="vote"}'), 1);
        assert.equal(grown('rowcast_deliveries_total'), 6);
        assert.ok(grown('rowcast_sent_bytes_total') > 6 * 100);
        assert.equal(after.rowcast_history_events, 4);
        assert.ok(grown('rowcast_history_bytes') > 400);
        assert.equal(after.rowcast_send_queue_bytes, 0);
        // Once for each worker that had receivers; what it took is below what this test may take.
        assert.ok([1, 2].includes(grown('rowcast_commit_to_send_seconds_count')));
        assert.ok(grown('rowcast_commit_to_send_seconds_sum') < 60);
        // Each script ran once: its rows followed each other.
        for (const name of ['markets', 'trades', 'votes']) {
            const script = `{script="tables/${name}.lua"}`;
            assert.equal(grown(`rowcast_script_seconds_count${script}`), 1, name);
            assert.ok(grown(`rowcast_script_seconds_sum${script}`) > 0, name);
        }
        assert.ok(after.rowcast_lua_memory_bytes > 10000);
        assert.equal(after.rowcast_source_connected, 1);
    });

    it('follows clients', async (t) => {
        const rowcast = await serve(t);
        await rowcast.ready();
        const client = await rowcast.connect();
        await client.subscribe('a');
        await client.subscribe('b');
        await client.subscribe('b');
        client.send('nonsense');
        await client.expect({ type: 'error' });
        client.send({ action: 'dance' });
        await client.expect({ type: 'error' });
        const open = await rowcast.metrics();
        assert.deepEqual(
            [open.rowcast_connections, open.rowcast_connections_total, open.rowcast_subscriptions, open.rowcast_topics],
            [1, 1, 2, 2],
        );
        assert.equal(open.rowcast_client_messages_total, 5);
        assert.equal(open['rowcast_client_errors_total{code="invalid_format"}'], 1);
        assert.equal(open['rowcast_client_errors_total{code="unknown_action"}'], 1);
        assert.equal(sumOf(open, 'rowcast_client_errors_total'), 2);
        assert.ok(open['rowcast_script_seconds_count{script="client.lua"}'] >= 9);
        client.send({ action: 'unsubscribe', market_id: 'a' });
        await client.expect({ type: 'market_state' });
        assert.equal((await rowcast.metrics()).rowcast_subscriptions, 1);
        await client.close(1000);
        const gone = await rowcast.connect();
        gone.terminate();
        await measured(rowcast, {
            rowcast_connections: 0,
            rowcast_connections_total: 2,
            rowcast_subscriptions: 0,
            rowcast_topics: 0,
            'rowcast_disconnects_total{reason="normal"}': 1,
            'rowcast_disconnects_total{reason="abnormal"}': 1,
        });
    });

    it('follows the core’s own errors', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_MAX_SUBSCRIPTIONS: '1' } });
        const client = await rowcast.connect();
        await client.subscribe('a');
        client.send({ action: 'subscribe', market_id: 'b' });
        await client.expect({ type: 'error', data: { code: 'too_many_subscriptions' } });
        const metrics = await rowcast.metrics();
        assert.equal(metrics['rowcast_client_errors_total{code="too_many_subscriptions"}'], 1);
        assert.equal(sumOf(metrics, 'rowcast_client_errors_total'), 1);
    });

    it('follows slow clients', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_MAX_QUEUE: '64KiB', ROWCAST_HISTORY: '1MiB' } });
        const slow = await rowcast.connect();
        await slow.subscribe('a');
        slow.pause();
        let second = 0;
        const wide = 'x'.repeat(20000);
        const happens = () =>
            rowcast.feed(...Array.from({ length: 20 }, () => transaction(++second, trade('a', second, { user_wallet: wide }))));
        await until('it is behind', async () => {
            happens();
            return (await rowcast.status()).clients.behind === 1;
        });
        await until('its queue is told', async () => (await rowcast.metrics()).rowcast_send_queue_bytes > 32 << 10); // an event is 20 KB
        for (let i = 0; i < 10; i++) happens(); // more than the history holds
        await rowcast.ready();
        slow.resume();
        await slow.expectClosed(4100);
        const after = await measured(rowcast, { rowcast_send_queue_bytes: 0 });
        assert.equal(after['rowcast_disconnects_total{reason="too_slow"}'], 1);
    });

    it('follows resumes', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HISTORY: '64KiB' } });
        await rowcast.ready();
        const client = await rowcast.connect();
        const { id } = await client.subscribe('a');
        rowcast.feed(transaction(1, trade('a', 1)), transaction(2, trade('a', 2)));
        await client.events(2);
        const before = await rowcast.metrics();
        await client.subscribe('a', { since: id });
        await client.events(2);
        await client.subscribe('a', { since: 'nonsense' });
        await client.subscribe('a', { since: `00000000${id.slice(8)}` });
        rowcast.feed(...Array.from({ length: 30 }, (_, i) => transaction(3 + i, trade('a', i, { user_wallet: 'x'.repeat(5000) }))));
        await client.events(30);
        await client.subscribe('a', { since: id });
        const after = await rowcast.metrics();
        for (const result of ['recovered', 'unknown_id', 'stream_reset', 'expired'])
            assert.equal(after[`rowcast_resumes_total{result="${result}"}`], 1, result);
        assert.equal(after.rowcast_deliveries_total - before.rowcast_deliveries_total, 2 + 30);
        assert.ok(after.rowcast_history_bytes <= 64 << 10);
    });

    it('follows scripts that fail, and reloads', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        const rowcast = await serve(t, { scripts });
        await rowcast.ready();
        assert.equal((await rowcast.metrics())['rowcast_script_errors_total{script="tables/votes.lua"}'], 0);
        writeFiles(scripts, {
            'tables/trades.lua': 'return { insert = function(new) error("no") end }',
            'client.lua': 'return { message = function(client) error("no") end }',
        });
        rowcast.signal('SIGHUP');
        await rowcast.logged('reloaded');
        rowcast.feed(transaction(1, trade('a', 1), trade('a', 2)));
        const client = await rowcast.connect({ plain: true });
        client.send('x');
        await client.expectClosed(1011);
        writeFiles(scripts, { 'client.lua': '(' });
        rowcast.signal('SIGHUP');
        await rowcast.logged('reload_failed');
        await measured(rowcast, {
            'rowcast_script_errors_total{script="tables/trades.lua"}': 2,
            'rowcast_script_errors_total{script="client.lua"}': 1,
            'rowcast_reloads_total{result="ok"}': 1,
            'rowcast_reloads_total{result="failed"}': 1,
            'rowcast_disconnects_total{reason="internal_error"}': 1,
        });
        const { tables, client_errors } = (await rowcast.status()).scripts;
        assert.equal(tables.find(({ table }) => table === 'trades').errors, 2);
        assert.equal(client_errors, 1);
    });

    it('bounds the names that scripts make up', async (t) => {
        const files = {
            'tables/trades.lua':
                'return { insert = function(new) return { type = "\\255\\"" .. new.cost .. "\\n", topic = "a" } end }',
        };
        const rowcast = await serve(t, { scripts: scriptFolder(t, { shipped: true, files }) });
        rowcast.feed(transaction(1, ...Array.from({ length: 500 }, (_, i) => trade('a', i))));
        await measured(rowcast, { 'rowcast_events_total{type="other"}': 400 });
        const { body } = await rowcast.get('/metrics', rowcast.adminPort);
        lint(body);
        assert.equal(body.match(/^rowcast_events_total\{/gm).length, 101);
    });

    it('follows the stream: away, behind, and back', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const { rowcast } = await start(t, database, ['a']);
        await measured(rowcast, {
            rowcast_source_connected: 1,
            rowcast_source_reconnects_total: 0,
            rowcast_replication_lag_bytes: 0,
            rowcast_replication_lag_seconds: 0,
        });
        await server.stop();
        const away = await measured(rowcast, {
            rowcast_source_connected: 0,
            rowcast_replication_lag_bytes: undefined,
            rowcast_replication_lag_seconds: (seconds) => seconds > 1,
        });
        await measured(rowcast, {
            rowcast_replication_lag_seconds: (seconds) => seconds > away.rowcast_replication_lag_seconds,
        });
        await server.start();
        await measured(rowcast, {
            rowcast_source_connected: 1,
            rowcast_source_reconnects_total: 1,
            rowcast_replication_lag_bytes: 0,
            rowcast_replication_lag_seconds: 0,
        });
    });

    it('says how late events are when scripts cannot keep up', async (t) => {
        const database = await Database.create(t);
        const files = {
            'tables/trades.lua': 'return { insert = function() for i = 1, 9000000 do end end }',
        };
        const { rowcast } = await start(t, database, ['a'], { scripts: scriptFolder(t, { shipped: true, files }) });
        await measured(rowcast, { rowcast_replication_lag_seconds: 0 });
        await database.sql(`do $$ begin for i in 1..200 loop ${tradeOf('a', 'i')}; commit; end loop; end $$`);
        await measured(rowcast, { rowcast_replication_lag_seconds: (seconds) => seconds > 0.1 });
        await measured(rowcast, { rowcast_transactions_total: (count) => count >= 100 });
        await measured(rowcast, { rowcast_transactions_total: 200, rowcast_replication_lag_seconds: 0 });
    });

    it('tells of the process', async (t) => {
        const rowcast = await serve(t);
        const now = Date.now() / 1000;
        const before = await measured(rowcast, { process_open_fds: (count) => count > 5 });
        assert.ok(Math.abs(before.process_start_time_seconds - now) < 600);
        assert.ok(before.process_resident_memory_bytes < before.process_virtual_memory_bytes);
        assert.ok(before.process_threads >= 3 && before.process_max_fds >= before.process_open_fds);
        for (let i = 0; i < 20; i++) await rowcast.connect();
        const after = await measured(rowcast, { process_open_fds: (count) => count >= before.process_open_fds + 20 });
        assert.ok(after.process_cpu_seconds_total >= before.process_cpu_seconds_total);
    });
});

describe('rowcast healthcheck', () => {
    const check = (port, ...args) => run(['healthcheck', '--port', String(port), ...args]);

    it('says in one line whether the router is ready', async (t) => {
        const rowcast = await serve(t);
        await rowcast.ready();
        for (const host of ['127.0.0.1', 'localhost', '0.0.0.0']) {
            const { code, stdout, stderr } = await check(rowcast.port, '--host', host);
            assert.equal(code, 0, stderr);
            assert.match(stdout, /^ready: \{"status":"ok",.*\}\n$/);
        }
        const away = await serve(t, { database: { settings: { DATABASE_URL: 'postgresql://me@127.0.0.1:1/none' } } });
        const { code, stdout } = await check(away.port);
        assert.equal(code, 1);
        assert.match(stdout, /^not ready: \{"status":"unavailable",.*\}\n$/);
    });

    it('fails where no router is, and says what to do', async (t) => {
        const holder = net.createServer((socket) => socket.end('SSH-2.0-x\r\n'));
        await new Promise((resolve) => {
            holder.listen(0, '127.0.0.1', resolve);
        });
        t.after(() => holder.close());
        const stranger = await check(holder.address().port);
        assert.equal(stranger.code, 1);
        assert.match(stranger.stderr, /is no router/);
        const nobody = await check(1);
        assert.equal(nobody.code, 1);
        assert.match(nobody.stderr, /no router answers on 127\.0\.0\.1 port 1: .*--port/);
        const any = await check(0);
        assert.equal(any.code, 2);
        assert.match(any.stderr, /rowcast healthcheck --port PORT/);
        assert.match((await run(['healthcheck', '--help'])).stdout, /^rowcast healthcheck .*\n\n.*exit 0 or 1/);
    });
});

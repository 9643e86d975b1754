// SPDX-License-Identifier: MIT
// The runbook of docs/OPERATIONS.md, "By symptom": each symptom is caused, and what the section names shows it.
'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { describe, it } = require('node:test');
const { serve, run, folder, scriptFolder, writeFiles, BINARY, ROOT } = require('./lib/rowcast.js');
const { atEnd, until } = require('./lib/expect.js');
const { Client } = require('./lib/client.js');
const { freePort } = require('./lib/server.js');
const { Database, start, tradeOf, tradesOf } = require('./lib/database.js');
const { transaction, trade } = require('./lib/rows.js');

async function grows(rowcast, series, least = 1) {
    const value = async () => (await rowcast.metrics())[series] ?? 0;
    await until(`${series} >= ${least}`, async () => (await value()) >= least, () => rowcast.story);
}

// What `rowcast tail` prints.
function tail(t, rowcast, ...args) {
    const child = spawn(BINARY, ['tail', '--admin', `127.0.0.1:${rowcast.adminPort}`, ...args], { stdio: 'pipe' });
    atEnd(t, () => child.kill('SIGKILL'));
    const seen = { text: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (seen.text += text));
    return seen;
}

describe('connection refused', () => {
    it('nobody listens; the port is taken; it is full', async (t) => {
        const port = await freePort();
        const nobody = await run(['healthcheck', '--port', `${port}`, '--host', '127.0.0.1']);
        assert.equal(nobody.code, 1);
        assert.match(nobody.stderr, /no router answers on/);
        const rowcast = await serve(t, { env: { ROWCAST_MAX_CONNECTIONS: '1' } });
        const taken = await run(['--source', '-', '--port', `${rowcast.port}`, '--host', '127.0.0.1']);
        assert.equal(taken.code, 69, taken.stderr);
        await rowcast.connect();
        await assert.rejects(Client.connect(rowcast.url), { status: 503 });
        assert.equal((await rowcast.metrics()).rowcast_connections, 1);
    });
});

describe('no events received', () => {
    it('the table is not published: db status and the remedy', async (t) => {
        const database = await Database.create(t);
        await database.sql('alter publication rowcast drop table trades');
        const { rowcast, client } = await start(t, database, ['a']);
        await rowcast.logged('table_not_published', { message: /public\.trades/ });
        await rowcast.ready({ status: 200, json: { status: 'degraded' } });
        const told = await database.db(['status']);
        assert.equal(told.code, 1, JSON.stringify(told));
        assert.match(told.stdout, /trades[\s\S]*rowcast db setup/);
        await database.setup();
        await database.sql(tradeOf('a', 1));
        assert.equal(Number((await client.events(1))[0].data.cost), 1);
    });

    it('the topic is spelled otherwise: rows and events grow, deliveries do not, tail shows the topic', async (t) => {
        const rowcast = await serve(t);
        await rowcast.ready();
        const client = await rowcast.connect();
        await client.subscribe('A');
        const seen = tail(t, rowcast, '--since', (await rowcast.status()).source.position.id);
        rowcast.feed(transaction(1, trade('a', 1)));
        await grows(rowcast, 'rowcast_rows_total{table="trades",op="insert"}');
        await grows(rowcast, 'rowcast_events_total{type="trade"}');
        await until('tail prints it', () => /"market_id":"a"/.test(seen.text));
        assert.equal((await rowcast.metrics()).rowcast_deliveries_total, 0);
        await client.expectNothing();
    });
});

describe('connection drops every 30 seconds', () => {
    it('the client does not answer pings: abnormal, after two heartbeats', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HEARTBEAT: '200ms' }, args: ['--log-level', 'debug'] });
        await rowcast.rawClient(); // answers nothing
        await grows(rowcast, 'rowcast_disconnects_total{reason="abnormal"}');
        assert.match(String((await rowcast.logged('client_disconnected')).code), /^1006$/);
    });

    it('a proxy ends what is idle: a shorter heartbeat keeps it', async (t) => {
        const IDLE = 1500;
        const through = async (heartbeat) => {
            const rowcast = await serve(t, { env: { ROWCAST_HEARTBEAT: heartbeat } });
            const proxy = net.createServer((near) => {
                const far = net.connect(rowcast.port, '127.0.0.1');
                near.pipe(far).pipe(near);
                for (const socket of [near, far]) socket.on('error', () => {});
                far.setTimeout(IDLE, () => [near, far].forEach((socket) => socket.destroy()));
            });
            await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
            atEnd(t, () => proxy.close());
            const client = await Client.connect(`ws://127.0.0.1:${proxy.address().port}`);
            rowcast.guests.push(client);
            return { rowcast, client };
        };
        const kept = await through('200ms');
        const cut = await through('30s');
        await grows(cut.rowcast, 'rowcast_disconnects_total{reason="abnormal"}');
        await until('as many pings as the proxy would not have waited for', () => kept.client.pings > 10);
        assert.equal((await kept.rowcast.metrics()).rowcast_connections, 1);
    });
});

describe('not ready', () => {
    it('/ready says what is missing, with the command', async (t) => {
        const database = await Database.create(t);
        await database.sql(`select pg_drop_replication_slot('${database.slot}')`);
        const rowcast = await serve(t, { database });
        await rowcast.logged('source_lost', { message: /rowcast db setup/ });
        await rowcast.unready(/rowcast db setup/);
        assert.equal((await database.db(['status'])).code, 1);
        await database.setup();
        await rowcast.ready({ status: 200 });
        await until('the slot was looked at', async () => 'rowcast_slot_retained_bytes' in (await rowcast.metrics()));
    });
});

describe('clients reconnect in a loop', () => {
    it('client.lua raises in connect: internal_error, the line, and the remedy', async (t) => {
        const files = { 'client.lua': 'return { connect = function() error("no") end }' };
        const scripts = scriptFolder(t, { shipped: true, files });
        const rowcast = await serve(t, { scripts });
        await rowcast.ready();
        for (let i = 0; i < 3; i++) await (await rowcast.connect({ plain: true })).expectClosed(1011);
        await grows(rowcast, 'rowcast_disconnects_total{reason="internal_error"}', 3);
        assert.match((await rowcast.logged('client_script_failed')).message, /client\.lua:1: no/);
        assert.equal((await rowcast.metrics()).rowcast_connections, 0);
        fs.copyFileSync(path.join(ROOT, 'scripts', 'client.lua'), path.join(scripts, 'client.lua'));
        await rowcast.logged('reloaded');
        await rowcast.connect();
    });
});

describe('slot grows', () => {
    it('the metric and db status tell; nobody reads it, and a router that is started does', async (t) => {
        const database = await Database.create(t);
        const env = { ROWCAST_SLOT_LIMIT: '1MiB', ROWCAST_REPLAY_WAL: '0B' };
        await database.sql(tradesOf('a', 1, 20000));
        const told = await database.db(['status'], env);
        assert.equal(told.code, 1, JSON.stringify(told));
        assert.match(told.stdout, /Nobody reads it\./);
        const rowcast = await serve(t, { database, env });
        await rowcast.ready();
        await until('the slot was looked at', async () => 'rowcast_slot_retained_bytes' in (await rowcast.metrics()));
    });
});

describe('events late', () => {
    it('a slow script is named by the seconds it takes', async (t) => {
        const files = { 'tables/votes.lua': 'return { insert = function() for i = 1, 4000000 do end end }' };
        const rowcast = await serve(t, { scripts: scriptFolder(t, { shipped: true, files }) });
        rowcast.feed(transaction(1, trade('a', 1), { ...trade('a', 1), table: 'public.votes' }));
        await grows(rowcast, 'rowcast_script_seconds_count{script="tables/votes.lua"}');
        const metrics = await rowcast.metrics();
        const took = (script) => metrics[`rowcast_script_seconds_sum{script="tables/${script}.lua"}`];
        assert.ok(took('votes') > took('trades'), JSON.stringify([took('votes'), took('trades')]));
    });

    it('an open transaction is seen by its backend_xid, and its event comes with the commit', async (t) => {
        const database = await Database.create(t);
        const { client } = await start(t, database, ['a']);
        const open = database.session();
        await open.sql('begin');
        await open.sql(tradeOf('a', 1));
        const found = await database.sql(
            `select query from pg_stat_activity where backend_xid is not null and datname = '${database.name}'`,
        );
        assert.equal(found.length, 1);
        await client.expectNothing();
        await open.sql('commit');
        await client.events(1);
    });
});

describe('script errors', () => {
    it('the counter and the log name the script; replay of the failed rows tells when it is mended', async (t) => {
        const failed = path.join(folder(t), 'failed.jsonl');
        const files = { 'tables/trades.lua': 'return { insert = function(new) error("no") end }' };
        const scripts = scriptFolder(t, { shipped: true, files });
        const rowcast = await serve(t, { scripts, env: { ROWCAST_FAILED: failed } });
        rowcast.feed(transaction(1, trade('a', 1)));
        await grows(rowcast, 'rowcast_script_errors_total{script="tables/trades.lua"}');
        const line = await rowcast.logged('row_script_failed');
        assert.match(line.message, /trades\.lua:1: no/);
        assert.ok(line.lsn && line.traceback);
        assert.equal((await run(['replay', failed, '--scripts', scripts])).code, 1);
        const mended = await run(['replay', failed]);
        assert.equal(mended.code, 0, mended.stderr);
        assert.match(mended.stdout, /"type":"trade"/);
        writeFiles(scripts, { 'tables/trades.lua': '(' });
        await rowcast.logged('reload_failed');
        assert.equal((await run(['check', '--scripts', scripts])).code, 78);
    });
});

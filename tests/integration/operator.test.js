// SPDX-License-Identifier: MIT
// What the person on call sees: tables nobody sends, settings that can never work, a status, a clean removal.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { serve, run, scriptFolder } = require('./lib/rowcast.js');
const { Database, start, tradeOf } = require('./lib/database.js');

describe('the operator is told', () => {
    it('of a script whose table is not published', async (t) => {
        const database = await Database.create(t);
        const files = { 'tables/nobody.lua': 'return { insert = function(new) return nil end }' };
        const { rowcast } = await start(t, database, [], { scripts: scriptFolder(t, { shipped: true, files }) });
        const { message } = await rowcast.logged('table_not_published');
        assert.match(message, /public\.nobody .*rowcast db setup/);
        const { json } = await rowcast.ready();
        assert.equal(json.status, 'degraded');
        assert.match(json.checks.scripts, /public\.nobody/);
    });

    it('nothing where all tables are', async (t) => {
        const { rowcast } = await start(t, await Database.create(t), []);
        assert.deepEqual(rowcast.lines('table_not_published'), []);
        assert.equal((await rowcast.ready()).json.status, 'ok');
    });

    it('at once of a DATABASE_URL that can never work', async () => {
        const { code, stderr } = await run(['--port', '0'], { env: { DATABASE_URL: 'garbage' } });
        assert.equal(code, 78, stderr);
        assert.match(stderr, /DATABASE_URL \(--database\) cannot be understood/);
    });

    it('which row made no event', async (t) => {
        const database = await Database.create(t);
        const files = { 'tables/trades.lua': 'return { insert = function(new) error("no") end }' };
        const { rowcast } = await start(t, database, [], { scripts: scriptFolder(t, { shipped: true, files }) });
        const [xid] = await database.sql(`begin; ${tradeOf('a', 1)}; select pg_current_xact_id(); commit`);
        const line = await rowcast.logged('row_script_failed');
        assert.equal(String(line.xid), xid);
        assert.match(line.lsn, /^[0-9A-F]+\/[0-9A-F]+$/);
    });

    it('on USR1 what there is', async (t) => {
        const { rowcast, client } = await start(t, await Database.create(t), ['a', 'b']);
        rowcast.signal('SIGUSR1');
        const line = await rowcast.logged('status');
        assert.deepEqual([line.connections, line.topics, line.source, line.scripts], [1, 2, 'ok', 'ok']);
        await client.expectNothing();
    });
});

describe('rowcast db drop', () => {
    it('removes slot and publication, but not under a reader', async (t) => {
        const database = await Database.create(t);
        const left = `select (select count(*) from pg_replication_slots where slot_name = '${database.slot}'),
            (select count(*) from pg_publication)`;
        const { rowcast } = await start(t, database, []);
        const refused = await database.db(['drop']);
        assert.equal(refused.code, 69);
        assert.match(refused.stderr, /is being read by the process \d+/);
        await rowcast.stop();
        const dry = await database.db(['drop', '--dry-run']);
        assert.deepEqual(dry.stdout.trim().split('\n').map((line) => line.split(' ')[0]), ['SELECT', 'DROP']);
        assert.deepEqual(await database.sql(left), ['1|1']);
        assert.equal((await database.db(['drop'])).code, 0);
        assert.deepEqual(await database.sql(left), ['0|0']);
        assert.match((await database.db(['drop'])).stdout, /nothing to do/);
        await database.setup();
        assert.deepEqual(await database.sql(left), ['1|1']);
    });
});

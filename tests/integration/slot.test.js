// SPDX-License-Identifier: MIT
// What a slot costs the server: it follows, it is watched, and one that is lost is replaced only when told to.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { until, suite } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { Database, start, complaint, tradeOf } = require('./lib/database.js');
const { psql } = require('./lib/psql.js');
const { Server } = require('./lib/server.js');
const { costs } = require('./lib/rows.js');

const MIB = 1 << 20;

// So many MB of WAL, in a table that nobody publishes: a row is 4 kB, and stored as it is.
const megabytes = (count) => `
    create table if not exists bulk (content text);
    alter table bulk alter content set storage external;
    insert into bulk select repeat(md5(n::text), 125) from generate_series(1, ${count * 256}) n`;

// How far behind the server's position the slot is: [what is acknowledged, what is kept], in bytes.
async function behind(database) {
    const [row] = await database.sql(`
        select pg_current_wal_lsn() - confirmed_flush_lsn, pg_current_wal_lsn() - restart_lsn
        from pg_replication_slots where slot_name = '${database.slot}'`);
    return row.split('|').map(Number);
}

// Keeps the slot where it is, as an application does that forgets to commit.
async function forget(database) {
    const session = database.session();
    await session.sql(`set application_name = 'The Forgetful'; begin; ${tradeOf('a', 0)}`);
    return { commit: () => session.sql('commit; checkpoint') };
}

describe('the slot follows', () => {
    it('while only other tables and other databases are written to', async (t) => {
        const server = await Server.start(t); // on which nobody else writes
        const database = await Database.create(t, { server });
        const other = await Database.create(t, { server, setup: false, schema: 'select' });
        const { rowcast, client } = await start(t, database, ['a'], { env: { ROWCAST_REPLAY_WAL: '1MiB' } });
        for (const written of [database, other]) {
            await written.sql(megabytes(40));
            const followed = async () => {
                await other.sql('checkpoint'); // by itself the server looks every 15 s
                const [confirmed, kept] = await behind(database);
                return confirmed < 2 * MIB && kept < 4 * MIB;
            };
            await until('the slot has followed', followed, () => rowcast.story);
        }
        await database.sql(tradeOf('a', 1));
        assert.deepEqual(costs(await client.events(1)), [1]);
    });
});

describe('a slot that nobody reads', () => {
    it('is told of by db status, with what it keeps and the SQL that drops it', async (t) => {
        const database = await Database.create(t);
        await database.sql(megabytes(2));
        const { code, stdout } = await database.db(['status']);
        assert.equal(code, 0, stdout); // it is what `db setup` left
        assert.match(stdout, /\bnot being read\n/);
        assert.doesNotMatch(stdout, /all is in place\n/);
        const [, kept] = /nobody reads the slot: .*\((\d+) bytes\) of WAL/.exec(stdout);
        const [, keeps] = await behind(database);
        assert.ok(kept > 2 * MIB && kept <= keeps, `${kept} of ${keeps}`);

        const rowcast = await serve(t, { database });
        await rowcast.ready();
        assert.match((await database.db(['status'])).stdout, /\nall is in place\n$/);
        await rowcast.stop();

        const unread = (await database.db(['status'])).stdout;
        const [, sql] = /^ +(SELECT pg_drop_replication_slot\(.*)$/m.exec(unread);
        await database.sql(sql);
        const gone = await database.db(['status']);
        assert.equal(gone.code, 1);
        assert.match(gone.stdout, /missing\n.*the slot .*\n +rowcast db setup/);
    });
});

describe('what the slot keeps', () => {
    const owner = suite();
    let server;
    before(async () => {
        server = await Server.start(owner, { max_wal_size: '32MB', min_wal_size: '32MB' });
    });

    it('is told beyond the limit, once, with who holds it; and that it is over', async (t) => {
        const database = await Database.create(t, { server });
        const env = { ROWCAST_SLOT_LIMIT: '8MiB', ROWCAST_REPLAY_WAL: '1MiB' };
        const { rowcast, client } = await start(t, database, ['a'], { env });
        const { commit } = await forget(database);
        assert.equal((await rowcast.ready()).json.status, 'ok');
        await database.sql(megabytes(12));

        const line = await rowcast.logged('slot_at_risk');
        assert.equal(line.level, 'warn');
        assert.ok(line.retained_bytes > 8 * MIB, JSON.stringify(line));
        const cause = /keep \d+\.\d MiB of WAL, and slot_limit is 8\.0 MiB.*PID (\d+) \(.*The Forgetful.*SELECT pg_terminate_backend\(\1\);/;
        assert.match(line.message, cause);
        const { json } = await rowcast.ready({ status: 200, json: { status: 'degraded' } }, rowcast.adminPort);
        assert.match(json.checks.slot, cause);
        assert.match((await rowcast.ready()).json.checks.slot, /^the replication slot keeps more than it should/);
        const told = await database.db(['status'], env);
        assert.equal(told.code, 1, JSON.stringify(told));
        assert.match(told.stdout, cause);

        await database.sql(megabytes(1));
        await commit();
        const recovered = async () => {
            await database.sql('checkpoint');
            return rowcast.lines('slot_recovered')[0];
        };
        await until('the slot has recovered', recovered, () => rowcast.story);
        assert.equal((await rowcast.ready()).json.status, 'ok');
        assert.equal(rowcast.lines('slot_at_risk', { message: /slot_limit/ }).length, 1);
        const after = await database.db(['status'], env);
        assert.equal(after.code, 0, JSON.stringify(after));
        assert.deepEqual(costs(await client.events(1)), [0]);
    });

    it('is told to be what a restart needs, if it is', async (t) => {
        const database = await Database.create(t, { server });
        const env = { ROWCAST_SLOT_LIMIT: '8MiB' };
        const { rowcast } = await start(t, database, [], { env });
        await database.sql(megabytes(12));
        const remedy = /holds \d+\.\d MiB of it back for a restart \(replay_wal is 256\.0 MiB\).*--replay-wal/;
        assert.match((await rowcast.logged('slot_at_risk')).message, remedy);
        assert.match((await database.db(['status'], env)).stdout, remedy);
        await rowcast.stop();
        assert.match((await database.db(['status'], env)).stdout, /Nobody reads it\..*rowcast db drop/);
    });

    it('is told beyond max_wal_size, but does not degrade', async (t) => {
        const database = await Database.create(t, { server });
        const { rowcast } = await start(t, database, [], { env: { ROWCAST_REPLAY_WAL: '1MiB' } });
        await forget(database);
        await database.sql(megabytes(90)); // whole segments count, of 16 MB, and one more
        const { level, message } = await rowcast.logged('slot_at_risk');
        assert.equal(level, 'warn');
        assert.match(message, /more than max_wal_size\..*The Forgetful.*SELECT pg_terminate_backend/);
        const { json } = await rowcast.ready({ status: 200, json: { status: 'ok' } }, rowcast.adminPort);
        assert.match(json.checks.slot, /max_wal_size/);
        const told = await database.db(['status']);
        assert.equal(told.code, 0, JSON.stringify(told));
        assert.match(told.stdout, /\(extended;[\s\S]*more than max_wal_size/);
    });

    it('is not known where the router gets no second connection, and the stream goes on', async (t) => {
        const database = await Database.create(t, { server });
        await psql(server.url(), 'create role single login replication connection limit 0'); // a stream is not counted
        const settings = { ...database.settings, DATABASE_URL: server.url(database.name, 'single') };
        const rowcast = await serve(t, { database: { settings } });
        await rowcast.logged('source_started');
        assert.match((await rowcast.logged('slot_unseen')).message, /too many connections for role/);
        assert.equal((await rowcast.ready()).json.status, 'ok');
    });
});

describe('a lost slot', () => {
    const owner = suite();
    let server;
    before(async () => {
        server = await Server.start(owner, { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' });
    });

    const lose = (database) =>
        until('the slot is lost', async () => {
            await database.sql(megabytes(20));
            await database.sql('select pg_switch_wal(); checkpoint');
            const state = `select wal_status from pg_replication_slots where slot_name = '${database.slot}'`;
            return (await database.sql(state))[0] === 'lost';
        });

    // A router that had clients when its slot was lost.
    async function bereaved(t, options = {}) {
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a'], options);
        await database.sql(tradeOf('a', 1));
        const [old] = await one.client.events(1);
        one.rowcast.signal('SIGSTOP');
        await lose(database);
        one.rowcast.signal('SIGCONT');
        return { database, old, ...one };
    }

    async function expectReset({ database, rowcast, client, old }) {
        const { data } = await client.expect({ type: 'error', data: { code: 'stream_reset' } });
        await rowcast.ready({ status: 200, json: { status: 'ok' } });
        await database.sql(tradeOf('a', 2));
        const [event] = await client.events(1);
        assert.deepEqual(costs([event]), [2]);
        const again = await rowcast.connect();
        const told = await again.subscribe('a', { since: old.id });
        assert.deepEqual([told.recovered, told.reason], [false, 'expired']);
        const other = await rowcast.connect();
        assert.equal((await other.subscribe('a', { since: data.id })).recovered, true);
        assert.deepEqual(await other.events(1), [event]);
    }

    it('is said, and made anew by db setup --recreate-slot only', async (t) => {
        const one = await bereaved(t);
        const { database, rowcast } = one;
        const sentence = /is lost: it fell further behind than max_slot_wal_keep_size allows.*rowcast db setup --recreate-slot/;
        await complaint(rowcast, sentence);
        const status = await database.db(['status']);
        assert.equal(status.code, 1);
        assert.match(status.stdout, /the slot is lost: .*max_slot_wal_keep_size is 1MB[\s\S]*rowcast db setup --recreate-slot/);
        const refused = await database.db(['setup']);
        assert.equal(refused.code, 69);
        assert.match(refused.stderr, sentence);
        const dry = await database.setup('--recreate-slot', '--dry-run');
        assert.match(dry.stdout, /^SELECT pg_drop_replication_slot.*\nSELECT pg_create_logical_replication_slot/);
        assert.deepEqual(await database.sql(`select wal_status from pg_replication_slots where slot_name = '${database.slot}'`), ['lost']);
        await database.setup('--recreate-slot');
        await expectReset(one);
        const again = await database.setup('--recreate-slot');
        assert.match(again.stdout, /nothing to do/, 'one that is not lost stays');
    });

    it('is made anew by a router that is told to', async (t) => {
        const one = await bereaved(t, { args: ['--recreate-slot'] });
        assert.match((await one.rowcast.logged('stream_reset')).message, /the slot was lost.*made anew/);
        await expectReset(one);
    });

    it('is made anew when open transactions have ended: the oldest is named', async (t) => {
        const database = await Database.create(t, { server });
        await lose(database);
        const { commit } = await forget(database);
        const rowcast = await serve(t, { database, args: ['--recreate-slot'] });
        await complaint(rowcast, /is being made anew.*the transaction of PID (\d+) \(.*The Forgetful.*SELECT pg_terminate_backend\(\1\);/);
        await commit();
        await rowcast.ready();
    });

    it('is made anew by a router that starts with it, whose clients are told that they missed something', async (t) => {
        const database = await Database.create(t, { server });
        const first = await start(t, database, ['a']);
        await database.sql(tradeOf('a', 1));
        const [old] = await first.client.events(1);
        await first.rowcast.stop();
        await lose(database);
        const { rowcast, client } = await start(t, database, [], { env: { ROWCAST_RECREATE_SLOT: 'on' } });
        const told = await client.subscribe('a', { since: old.id });
        assert.deepEqual([told.recovered, told.reason], [false, 'expired']);
        await database.sql(tradeOf('a', 2));
        assert.deepEqual(costs(await client.events(1)), [2]);
        assert.equal(rowcast.lines('stream_reset').length, 1);
    });

    it('can be removed', async (t) => {
        const database = await Database.create(t, { server });
        await lose(database);
        const { code, stdout } = await database.db(['drop']);
        assert.equal(code, 0);
        assert.match(stdout, new RegExp(`-- removed: slot "${database.slot}", publication "rowcast"`));
    });
});

describe('rowcast db drop', () => {
    it("refuses another program's slot", async (t) => {
        const database = await Database.create(t);
        const left = `select slot_name from pg_replication_slots where slot_name like '${database.slot}%' order by 1`;
        await database.sql(`select pg_create_physical_replication_slot('${database.slot}_p')`);
        await database.sql(`select pg_create_logical_replication_slot('${database.slot}_t', 'test_decoding')`);
        for (const [slot, pattern] of [
            [`${database.slot}_p`, /physical/],
            [`${database.slot}_t`, /test_decoding/],
        ]) {
            const { code, stderr } = await database.db(['drop'], { ROWCAST_SLOT: slot });
            assert.equal(code, 69);
            assert.match(stderr, pattern);
        }
        assert.equal((await database.sql(left)).length, 3);
        await database.sql(`select pg_drop_replication_slot('${database.slot}_p')`);
    });

    it('says who reads, and how that is ended', async (t) => {
        const database = await Database.create(t);
        await start(t, database, []);
        const { code, stderr } = await database.db(['drop']);
        assert.equal(code, 69);
        assert.match(stderr, /is being read by the process (\d+) \(rowcast on 127\.0\.0\.1\).*Stop that router.*SELECT pg_terminate_backend\(\1\);/);
        const dry = await database.db(['drop', '--dry-run']);
        assert.equal(dry.code, 0);
        assert.match(dry.stdout, /^-- the slot is being read by the process \d+ .*\nSELECT pg_drop_replication_slot\(.*\nDROP PUBLICATION /);
    });
});

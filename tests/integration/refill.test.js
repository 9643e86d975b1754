// SPDX-License-Identifier: MIT
// The WAL behind the slot is the cold history: a router that starts reads it again, with the same ids.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { until } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { Server } = require('./lib/server.js');
const { Database, start, tradeOf, tradesOf } = require('./lib/database.js');

const costs = (events) => events.map((event) => Number(event.data.cost));
const range = (from, count) => Array.from({ length: count }, (_, n) => from + n);

// How far the slot stands before a position of the log, in bytes.
async function behind(database, position) {
    const [row] = await database.sql(
        `select pg_lsn '${position}' - confirmed_flush_lsn from pg_replication_slots where slot_name = '${database.slot}'`,
    );
    return Number(row);
}

// What it keeps behind the server's position.
const held = async (database) => behind(database, await database.sql('select pg_current_wal_lsn()'));

describe('a router that was killed', () => {
    for (const end of ['kill', 'stop'])
        it(`comes back with all it knew (${end})`, async (t) => {
            const database = await Database.create(t);
            const first = await start(t, database, ['a']);
            const { id } = await first.client.subscribe('quiet');
            await database.sql(tradesOf('a', 0, 19));
            for (let i = 20; i < 30; i++) await database.sql(tradeOf('a', i));
            const seen = await first.client.events(30);
            await first.rowcast[end]();
            await database.sql(tradesOf('a', 30, 39)); // nobody listens
            const second = await start(t, database, []);
            for (const at of [0, 7, 19, 20, 29]) {
                const client = await second.rowcast.connect();
                assert.equal((await client.subscribe('a', { since: seen[at].id })).recovered, true);
                const missed = await client.events(39 - at);
                assert.deepEqual(costs(missed), range(at + 1, 39 - at));
                assert.deepEqual(missed.slice(0, 29 - at), seen.slice(at + 1), 'the same bytes, ids among them');
                await client.expectNothing();
            }
            assert.equal((await second.client.subscribe('quiet', { since: id })).recovered, true);
            await second.client.subscribe('a');
            await database.sql(tradeOf('a', 40));
            assert.deepEqual(costs(await second.client.events(1)), [40]);
        });

    it('makes those who come meanwhile wait, not miss', async (t) => {
        const database = await Database.create(t);
        const first = await start(t, database, ['a']);
        const { id } = await first.client.subscribe('b');
        await database.sql(tradesOf('a', 0, 30000));
        await first.client.events(30001);
        await first.rowcast.kill();
        const second = await serve(t, { database }); // listens, and reads
        const client = await second.connect();
        assert.equal((await client.subscribe('b', { since: id })).recovered, true);
        assert.equal((await client.subscribe('a', { since: id })).recovered, true);
        assert.deepEqual(costs(await client.events(30001)), range(0, 30001));
    });
});

describe('the slot', () => {
    it('is held back for the history, and no further than replay_wal', async (t) => {
        const database = await Database.create(t);
        const long = await start(t, database, ['a']);
        await database.writeElsewhere();
        await database.sql(tradeOf('a', 1));
        await long.client.events(1);
        await sleep(2500); // two statuses
        const kept = await held(database);
        assert.ok(kept > 100000, `${kept} bytes are held back`);
        await long.rowcast.stop();
        const { rowcast } = await start(t, database, [], { env: { ROWCAST_REPLAY_WAL: '64KiB' } });
        await until('the slot has followed', async () => (await held(database)) < 200000, () => rowcast.story);
    });

    it('follows behind by the history time', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['a'], { env: { ROWCAST_HISTORY_TIME: '1s' } });
        await database.writeElsewhere();
        await database.sql(tradeOf('a', 1));
        const [event] = await client.events(1);
        const [end] = await database.sql('select pg_current_wal_lsn()');
        const followed = async () => (await behind(database, end)) <= 0;
        await until('the slot stands behind the event', followed, () => rowcast.story);
        await rowcast.stop();
        const second = await start(t, database, []);
        const { recovered, reason } = await second.client.subscribe('a', { since: event.id });
        assert.deepEqual([recovered, reason], [false, 'expired'], 'let go of: never a silent gap');
    });

    it('that is held back does not hold the server up', async (t) => {
        const server = await Server.start(t, { wal_level: 'logical' });
        const database = await Database.create(t, { server });
        const { rowcast, client } = await start(t, database, ['a']);
        await database.writeElsewhere();
        await database.sql(tradesOf('a', 1, 100));
        await client.events(100);
        const began = Date.now();
        await server.stop('fast');
        assert.ok(Date.now() - began < 2000, `the stop took ${Date.now() - began} ms`);
        await server.start();
        await rowcast.ready();
        await database.sql(tradeOf('a', 101));
        assert.deepEqual(costs(await client.events(1)), [101]);
        await client.expectNothing();
    });
});

describe('two instances of one slot', () => {
    it('take over from each other, with the same ids', async (t) => {
        const database = await Database.create(t);
        const first = await start(t, database, ['a']);
        const second = await serve(t, { database });
        await second.logged('source_lost');
        await database.sql(tradesOf('a', 0, 9));
        const seen = await first.client.events(10);
        const began = Date.now();
        await first.rowcast.kill();
        await database.sql(tradesOf('a', 10, 19));
        const client = await second.connect();
        const { recovered, reason } = await client.subscribe('a', { since: seen[4].id });
        assert.ok(recovered, `${reason}\n${second.story}`);
        const missed = await client.events(15);
        assert.ok(Date.now() - began < 10000);
        assert.deepEqual(costs(missed), range(5, 15));
        assert.deepEqual(missed.slice(0, 5), seen.slice(5));
    });

    it('never leave a client with the one that stood still', async (t) => {
        const database = await Database.create(t);
        const first = await start(t, database, ['a']);
        const second = await serve(t, { database });
        await second.logged('source_lost');
        await database.sql(tradeOf('a', 0));
        const [seen] = await first.client.events(1);
        first.rowcast.signal('SIGSTOP');
        const began = Date.now();
        await second.logged('source_started');
        assert.ok(Date.now() - began < 10000, `taken over after ${Date.now() - began} ms`);
        await database.sql(tradeOf('a', 1));
        first.rowcast.signal('SIGCONT');
        assert.equal((await first.client.closed()).code, 1001);
        assert.equal((await first.rowcast.getJson('/ready')).status, 503);
        const client = await second.connect();
        assert.equal((await client.subscribe('a', { since: seen.id })).recovered, true);
        assert.deepEqual(costs(await client.events(1)), [1]);
    });
});

// SPDX-License-Identifier: MIT
// A database that is away, connections that are cut, routers that end: nothing is lost, nothing comes twice.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { until, suite } = require('./lib/expect.js');
const { serve, run, SCRIPTS } = require('./lib/rowcast.js');
const { Database, start, complaint, tradeOf, tradesOf } = require('./lib/database.js');
const { psql } = require('./lib/psql.js');
const { Server } = require('./lib/server.js');
const { ids, costs, range } = require('./lib/rows.js');

const PATIENT = { ROWCAST_MAX_QUEUE: '64MiB' };

describe('a stream', () => {
    const owner = suite();

    // A client that waits while others are served: for the last test, which is about half a minute.
    const away = {};
    before(async () => {
        const database = { settings: { DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/none' } };
        away.rowcast = await serve(owner, { database });
        away.client = await away.rowcast.connect();
        away.began = Date.now();
        away.client.send({ action: 'subscribe', market_ids: ['a', 'b'] });
        away.client.send({ action: 'ping' });
        away.client.send({ action: 'dance' });
    });

    describe('that is away', () => {
        it('is said in the log and at the admin port, without its password; where it is, not to the public', async () => {
            const message = await complaint(away.rowcast, /127\.0\.0\.1:1\b/);
            const { json: shown } = await away.rowcast.getJson('/ready');
            assert.equal(shown.status, 'unavailable');
            assert.doesNotMatch(JSON.stringify(shown), /127\.0\.0\.1|\bnone\b/);
            const answer = await away.rowcast.getJson('/ready', away.rowcast.adminPort);
            assert.doesNotMatch(JSON.stringify([message, answer.json, away.rowcast.log, away.rowcast.strays]), /s3cret/);
            assert.equal((await away.rowcast.get('/health')).status, 200);
        });

        it('keeps nobody from connecting', async () => {
            const other = await away.rowcast.connect();
            other.send({ action: 'dance' });
            await other.expect({ type: 'error', data: { code: 'unknown_action' } });
            await other.close(1000);
        });

        it('is waited for: what clients asked is answered when it comes, in order', async (t) => {
            const server = await Server.start(t);
            const database = await Database.create(t, { server });
            await server.stop();
            const rowcast = await serve(t, { database });
            await complaint(rowcast, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
            const [client, leaving] = [await rowcast.connect(), await rowcast.connect()];
            for (const one of [client, leaving]) one.send({ action: 'subscribe', market_ids: ['a', 'b'] });
            client.send({ action: 'ping' });
            client.send({ action: 'unsubscribe', market_id: 'b' });
            client.send('nonsense');
            leaving.terminate();
            await server.start();
            await rowcast.logged('source_started');
            const { id } = await client.subscribed('a');
            assert.equal((await client.subscribed('b')).recovered, false);
            await client.expect({ type: 'pong', data: { id } });
            await client.expect({ data: { message: 'Unsubscribed from market b', subscriptions: ['a'] } });
            await client.expect({ type: 'error', data: { code: 'invalid_format' } });
            await rowcast.ready();
            await database.commit(tradeOf('b', 1), tradeOf('a', 2));
            assert.deepEqual(costs(await client.events(1)), [2]);
            await client.expectNothing();
        });
    });

    it('that has to be set up first begins when the role has got its rights, which are told once', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server, setup: false });
        await psql(server.url(), 'create role reader login');
        const settings = { ...database.settings, DATABASE_URL: server.url(database.name, 'reader'), ROWCAST_SETUP: 'on' };
        const rowcast = await serve(t, { database: { settings } });
        const told = await rowcast.logged('setup', { message: /ALTER ROLE reader REPLICATION/ });
        await sleep(2500); // it tries each second
        assert.deepEqual(rowcast.lines('setup', { message: /ALTER ROLE reader REPLICATION/ }), [told]);
        await psql(server.url(), 'alter role reader superuser');
        await rowcast.logged('source_started');
        await rowcast.ready();
    });

    describe('that is not tried again (--no-retry)', () => {
        const args = ['--no-retry'];

        it('ends the start when the database is away, is being read by another one, or is not set up', async (t) => {
            const database = await Database.create(t);
            const { rowcast: first } = await start(t, database, ['a']);
            const cases = [
                [{ DATABASE_URL: 'postgresql://127.0.0.1:1/none' }, /127\.0\.0\.1:1\b/],
                [{ DATABASE_URL: 'postgresql://127.0.0.1:1/none', ROWCAST_SETUP: 'on' }, /127\.0\.0\.1:1\b/],
                [database.settings, /is being read by/],
                [{ ...database.settings, ROWCAST_SLOT: 'not_made' }, /not_made.*rowcast db setup/],
            ];
            for (const [settings, said] of cases) {
                const { code, stderr } = await run(args, { env: { WS_PORT: '0', WS_HOST: '127.0.0.1', ROWCAST_SCRIPTS: SCRIPTS, ...settings } });
                assert.equal(code, 69, stderr);
                assert.match(stderr, said);
            }
            await first.ready(); // the one that reads is not disturbed
        });

        it('ends the router when the stream is lost, and its clients resume at the next one', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a'], { args, env: { ROWCAST_DRAIN: '100ms' } });
            await database.sql(tradeOf('a', 1));
            const [last] = await client.events(1);
            await database.cut();
            await client.expectClosed(1001);
            await rowcast.expectExit(69);
            rowcast.expected = true;
            assert.match((await rowcast.logged('source_failed')).message, /terminating connection/);
            await database.sql(tradeOf('a', 2));
            const { client: back } = await start(t, database, []);
            assert.equal((await back.subscribe('a', { since: last.id })).recovered, true);
            assert.deepEqual(costs(await back.events(1)), [2]);
        });
    });

    describe('a connection that is cut', () => {
        it('loses nothing and repeats nothing', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a']);
            const session = database.session();
            let cost = 0;
            for (let round = 1; round <= 5; round++) {
                for (let i = 0; i < 20; i++) await session.sql(tradeOf('a', cost++));
                const cut = database.cut(); // while others go on
                for (let i = 0; i < 60; i++) await session.sql(tradeOf('a', cost++));
                await cut;
                await rowcast.logged('source_started', {}, round + 1);
            }
            const events = await client.events(cost);
            assert.deepEqual(costs(events), range(0, cost));
            assert.deepEqual(ids(events), [...ids(events)].sort());
            await client.expectNothing();
            assert.match((await rowcast.logged('source_lost')).message, /pg_terminate_backend|terminating connection/);
            await rowcast.ready();
        });

        it('in the midst of a large transaction gives it once, and whole', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a'], { env: PATIENT });
            await database.sql(tradesOf('a', 0, 29999));
            await client.arrived(500); // it is under way
            await database.cut();
            await rowcast.logged('source_started', {}, 2);
            await database.sql(tradeOf('a', 30000));
            const events = await client.events(30001);
            assert.deepEqual(costs(events), range(0, 30001));
            assert.equal(new Set(ids(events)).size, 30001);
            await client.expectNothing();
        });

        it('by a restart of the server loses nothing and repeats nothing', async (t) => {
            const server = await Server.start(t);
            const database = await Database.create(t, { server });
            const { rowcast, client } = await start(t, database, ['a']);
            let cost = 0;
            for (const [round, mode] of ['fast', 'immediate', 'fast'].entries()) {
                for (let i = 0; i < 10; i++) await database.sql(tradeOf('a', cost++));
                if (round === 2) await database.sql('checkpoint');
                await server.stop(mode); // a fast one waits for the router to have taken everything
                await rowcast.unready(/./);
                assert.equal((await rowcast.get('/health')).status, 200);
                await server.start();
                await database.sql(tradeOf('a', cost++));
                await rowcast.logged('source_started', {}, round + 2);
            }
            await database.sql(tradeOf('a', cost++));
            const events = await client.events(cost);
            assert.deepEqual(costs(events), range(0, cost));
            assert.deepEqual(ids(events), [...ids(events)].sort());
            await client.expectNothing();
            assert.equal((await client.subscribe('a', { since: events[3].id })).recovered, true);
            assert.deepEqual(await client.events(cost - 4), events.slice(4));
        });
    });

    describe('a router that ends', () => {
        it('is followed by one that misses nothing, and says what cannot be resumed', async (t) => {
            const database = await Database.create(t);
            let since;
            let cost = 0;
            for (const end of ['stop', 'kill', 'stop']) {
                const { rowcast, client } = await start(t, database, []);
                const { recovered, reason } = await client.subscribe('a', { since });
                if (since && !recovered) assert.equal(reason, 'expired');
                const first = cost;
                for (let i = 0; i < 5; i++) await database.sql(tradeOf('a', cost++));
                // What was committed while no router ran comes to who resumed, or was told.
                const missed = since && recovered ? 3 : 0;
                const events = await client.events(5 + missed);
                assert.deepEqual(costs(events), range(first - missed, 5 + missed));
                since = events.at(-1).id;
                await client.expectNothing();
                await rowcast[end]();
                for (let i = 0; i < 3; i++) await database.sql(tradeOf('a', cost++));
            }
            // All of it is one stream: a reader of its own slot would have seen the same, without a gap.
            const [row] = await database.sql('select count(*), max(cost) from trades');
            assert.equal(row, `${cost}|${cost - 1}`);
        });

        it('leaves its slot to one that stands by', async (t) => {
            const database = await Database.create(t);
            const { rowcast: first, client } = await start(t, database, ['a']);
            const second = await serve(t, { database });
            await complaint(second, new RegExp(`"${database.slot}".* is being read by`));
            const waiting = await second.connect();
            waiting.send({ action: 'subscribe', market_id: 'a' });
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
            await first.kill();
            await second.logged('source_started');
            await waiting.subscribed('a');
            await database.sql(tradeOf('a', 2));
            const events = [];
            do events.push(...(await waiting.events(1)));
            while (Number(events.at(-1).data.cost) !== 2);
            assert.ok(events.length <= 2, "of the first one's events at most the unacknowledged one comes again");
            await second.ready();
        });
    });

    describe('the slot', () => {
        it('follows, also when only others write', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a'], { env: { ROWCAST_HISTORY_TIME: '1s' } });
            const near = `
                select pg_current_wal_lsn() - confirmed_flush_lsn < 1000000
                from pg_replication_slots where slot_name = '${database.slot}'`;
            await database.writeElsewhere();
            const followed = async () => (await database.sql(near))[0] === 't';
            await until('the slot has followed', followed, () => rowcast.story);
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
        });
    });

    it('that stays away is answered by unavailable after 30 s, in order', async () => {
        const { client } = away;
        for (let i = 0; i < 3; i++) {
            const message = await client.next('unavailable', 45);
            assert.deepEqual([message.type, message.data.code], ['error', 'unavailable'], client.transcript);
            const waited = Date.parse(message.timestamp) - away.began;
            assert.ok(
                waited > 29000 && waited < 45000,
                `answered after ${waited} ms: each waits for 30 s, not one after the other\n${client.transcript}`,
            );
        }
        await client.expect({ type: 'error', data: { error: 'Unknown action: dance' } });
        client.send({ action: 'subscribe' });
        await client.expect({ type: 'error', data: { code: 'market_id_required' } });
    });
});

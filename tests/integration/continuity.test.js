// SPDX-License-Identifier: MIT
// When the stream cannot go on from where it was, everybody is told: never a silent gap. Where it can, nobody is.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { until } = require('./lib/expect.js');
const { psql } = require('./lib/psql.js');
const { serve } = require('./lib/rowcast.js');
const { Server } = require('./lib/server.js');
const { Database, start, complaint, tradeOf, tradesOf } = require('./lib/database.js');
const { costs, ids } = require('./lib/rows.js');

const SCHEMA = fs.readFileSync(path.join(__dirname, '../../examples/market/schema.sql'), 'utf8');

// What a client that comes with the id is told.
async function answerTo(rowcast, since) {
    const client = await rowcast.connect();
    const { recovered, reason } = await client.subscribe('a', { since });
    await client.close(1000);
    return recovered ? 'recovered' : reason;
}

// Who is connected is told, before anything new, and from where it goes on; old ids are refused with the reason. A router that
// knows nothing of all that refuses them too.
async function expectReset({ rowcast, client }, database, old, reason) {
    const line = await rowcast.logged('stream_reset');
    await rowcast.ready();
    const { data } = await client.expect({ type: 'error', data: { code: 'stream_reset' } });
    assert.ok(line.id <= data.id, `${line.id}, ${data.id}`); // what came meanwhile is not told of again
    assert.match(line.lsn, /^[0-9A-F]+\/[0-9A-F]+$/);
    await database.sql(tradeOf('a', 1000));
    const [event] = await client.events(1);
    assert.deepEqual(costs([event]), [1000]);
    for (const { id } of [old].flat()) assert.equal(await answerTo(rowcast, id), reason, id);
    const other = await rowcast.connect();
    assert.equal((await other.subscribe('a', { since: data.id })).recovered, true);
    assert.deepEqual(await other.events(1), [event]);
    await rowcast.stop();
    const fresh = await serve(rowcast.owner, { database });
    for (const { id } of [old].flat()) assert.equal(await answerTo(fresh, id), reason, `${id}, by a new router`);
    return fresh;
}

// Nobody is told, and all that was ever given out is valid, here and at a router that is new.
async function expectToGoOn({ rowcast, client }, database, seen) {
    await rowcast.logged('source_started', {}, 2);
    await database.sql(tradeOf('a', 1000));
    const events = [...seen, ...(await client.events(1))];
    assert.deepEqual(costs(events.slice(-1)), [1000]);
    await client.expectNothing();
    assert.deepEqual(ids(events), [...ids(events)].sort());
    await expectToKnow(rowcast, events);
    await rowcast.stop();
    const fresh = await serve(rowcast.owner, { database });
    await expectToKnow(fresh, events);
    return { fresh, events };
}

async function expectToKnow(rowcast, events) {
    for (const at of events.keys()) {
        const client = await rowcast.connect();
        const { recovered, reason } = await client.subscribe('a', { since: events[at].id });
        assert.ok(recovered, `${events[at].id}: ${reason}`);
        assert.deepEqual(await client.events(events.length - at - 1), events.slice(at + 1));
        await client.close(1000);
    }
}

// Nothing reaches the router until it is let go on: what is done meanwhile happens while it is away.
async function whileAway({ rowcast }, database, happens) {
    rowcast.signal('SIGSTOP');
    await database.cut();
    await until('the slot is free', async () => {
        const [active] = await database.sql(`select active from pg_replication_slots where slot_name = '${database.slot}'`);
        return active === 'f';
    });
    await happens();
    rowcast.signal('SIGCONT');
}

const createSlot = (database) => `select pg_create_logical_replication_slot('${database.slot}', 'pgoutput')`;
const dropSlot = (database) => `select pg_drop_replication_slot('${database.slot}')`;

async function trade(database, { client }, ...prices) {
    for (const cost of prices) await database.sql(tradeOf('a', cost));
    return client.events(prices.length);
}

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

describe('subscribers are told', () => {
    it('when the slot was dropped and made anew', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const idle = await one.rowcast.connect();
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await database.sql(dropSlot(database));
            await database.sql(tradeOf('a', 2));
            await database.sql(createSlot(database));
        });
        await one.rowcast.logged('stream_reset');
        await idle.expectNothing(); // nothing to be behind with
        await expectReset(one, database, seen, 'expired');
    });

    it('when the slot was dropped and made anew, though nothing was written meanwhile', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, () => database.sql(`${dropSlot(database)}; ${createSlot(database)}`));
        await expectReset(one, database, seen, 'expired');
    });

    it('when the slot was moved on by hand', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await database.sql(tradeOf('a', 2));
            await database.sql(`select pg_replication_slot_advance('${database.slot}', pg_current_wal_lsn())`);
        });
        await expectReset(one, database, seen, 'expired');
    });

    it('when rows were written while there was no publication', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await database.sql('drop publication rowcast');
        await database.sql(tradeOf('a', 2));
        await complaint(one.rowcast, /publication/);
        await until('a publication and a new slot', async () => (await database.db(['setup'])).code === 0);
        await expectReset(one, database, seen, 'expired');
    });

    it('when that was while the router was away, too', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await database.sql('drop publication rowcast');
            await database.sql(tradeOf('a', 2));
            await database.sql('create publication rowcast for table markets, trades, votes, discussions');
        });
        await complaint(one.rowcast, /publication/);
        await one.client.expectNothing();
        const remedied = async () => {
            await database.db(['setup']); // while the router just tries, the slot is taken
            return one.rowcast.lines('stream_reset')[0];
        };
        await until('a new slot', remedied, () => one.rowcast.story);
        await expectReset(one, database, seen, 'expired');
    });

    it('when the database was dropped and made anew under its name', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await psql(database.admin, `drop database ${database.name} with (force)`);
            await psql(database.admin, `create database ${database.name}`);
            await database.sql(SCHEMA);
            await database.setup();
        });
        await expectReset(one, database, seen, 'expired');
    });

    it('when the server was set back to a backup', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const backup = path.join(server.folder, 'backup');
        await database.sql(tradeOf('a', 1));
        await server.stop();
        server.copyTo(backup);
        await server.start();
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, ...range(2, 49));
        await server.stop();
        server.restore(backup);
        await server.start();
        await expectReset(one, database, seen.at(-1), 'unknown_id');
    });

    it('when the server was set back, and has written its log anew beyond what was read', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const backup = path.join(server.folder, 'backup');
        const one = await start(t, database, ['a']);
        const [kept] = await trade(database, one, 10);
        await server.stop();
        server.copyTo(backup);
        await server.start();
        await one.rowcast.logged('source_started', {}, 2);
        const lost = await trade(database, one, ...range(11, 20));
        const position = await one.client.expectNothing();
        one.rowcast.signal('SIGSTOP');
        await server.stop('immediate');
        server.restore(backup);
        await server.start();
        // The same statements: the same places in the log, by transactions of the same numbers.
        for (const cost of range(31, 50)) await database.sql(tradeOf('a', cost));
        one.rowcast.signal('SIGCONT');
        const fresh = await expectReset(one, database, [...lost, { id: position }], 'unknown_id');
        const client = await fresh.connect();
        assert.equal((await client.subscribe('a', { since: kept.id })).recovered, true, 'it happened in this log, too');
        const events = await client.events(21);
        assert.deepEqual(costs(events), [...range(31, 50), 1000]);
        const again = events.filter(({ id }) => lost.some((old) => old.id.slice(0, 43) === id.slice(0, 43)));
        t.diagnostic(`${again.length} of ${lost.length} places in the log were used again by the same transaction number`);
    });

    it('when a server was promoted that lacks what was read', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const backup = path.join(server.folder, 'backup');
        const one = await start(t, database, ['a']);
        const [kept] = await trade(database, one, 1);
        await server.stop();
        server.copyTo(backup);
        await server.start();
        await one.rowcast.logged('source_started', {}, 2);
        const lost = await trade(database, one, 2, 3);
        one.rowcast.signal('SIGSTOP');
        await server.stop();
        server.restore(backup);
        server.becomeStandby();
        await server.start();
        server.promote();
        for (const cost of range(31, 50)) await database.sql(tradeOf('a', cost));
        one.rowcast.signal('SIGCONT');
        const fresh = await expectReset(one, database, lost, 'stream_reset');
        assert.equal(await answerTo(fresh, kept.id), 'recovered', 'it was before the promotion');
    });

    it('when a standby was promoted that has no slot', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await server.stop();
        fs.rmSync(path.join(server.data, 'pg_replslot', database.slot), { recursive: true });
        server.becomeStandby();
        await server.start();
        await one.rowcast.unready(/standby/);
        server.promote();
        await one.rowcast.unready(/replication slot .* does not exist/);
        await database.sql(tradeOf('a', 2));
        await database.setup();
        await expectReset(one, database, seen, 'expired');
    });

    it('when another cluster answers', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await server.stop();
        fs.rmSync(server.data, { recursive: true });
        server.initdb();
        await server.start();
        await psql(server.url(), `create database ${database.name}`);
        await one.rowcast.unready(/publication/);
        await database.sql(SCHEMA);
        await database.setup();
        await expectReset(one, database, seen, 'stream_reset');
    });
});

describe('nobody is told', () => {
    it('when the server was promoted with its slot', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1, 2);
        await server.stop();
        server.becomeStandby();
        await server.start();
        await one.rowcast.unready(/standby/);
        server.promote();
        const { fresh, events } = await expectToGoOn(one, database, seen);
        const timelines = events.map(({ id }) => Number(id.split('-')[1]));
        assert.deepEqual(timelines, [1, 1, 2]);
        // What its predecessor would have written behind the promotion never happened.
        const beyond = events[1].id.split('-').with(2, events[2].id.split('-')[2]).join('-');
        assert.equal(await answerTo(fresh, beyond), 'stream_reset');
    });

    it('when a standby that has the slot takes over', async (t) => {
        const [server, standby] = [await Server.start(t), await Server.empty(t)];
        const database = await Database.create(t, { server });
        await server.stop();
        server.copyTo(standby.data);
        await server.start();
        standby.becomeStandby(server);
        await standby.start();
        const hosts = `127.0.0.1:${server.port},127.0.0.1:${standby.port}`;
        const both = `postgresql://postgres@${hosts}/${database.name}?target_session_attrs=read-write`;
        const found = { settings: { ...database.settings, DATABASE_URL: both } };
        const one = await start(t, found, ['a']);
        const seen = await trade(database, one, ...range(1, 5));
        const [end] = await database.sql('select pg_current_wal_flush_lsn()');
        const has = `select pg_last_wal_replay_lsn() >= '${end}'`;
        await until('the standby has it all', async () => (await psql(standby.url(), has))[0] === 't');
        await server.stop('immediate');
        standby.promote();
        const sql = (text) => psql(standby.url(database.name), text);
        await expectToGoOn(one, { ...found, sql }, seen);
    });

    it('when the publication was made anew, and nothing was written meanwhile', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await database.sql(tradeOf('a', 2));
            await database.sql('drop publication rowcast; create publication rowcast for table markets, trades, votes, discussions');
            await database.sql(tradeOf('a', 3));
        });
        seen.push(...(await one.client.events(2)));
        await expectToGoOn(one, database, seen);
    });

    it('when a table has changed while the router was away: old rows are read as they were', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const seen = await trade(database, one, 1);
        await whileAway(one, database, async () => {
            await database.sql(tradeOf('a', 2));
            await database.sql(`alter table trades add column fee int not null default 7;
                alter table trades alter column cost type text; alter table trades rename column user_wallet to wallet`);
            await database.sql(`insert into trades (market_id, wallet, trade_type, outcome, shares, cost, fee)
                values ('a', 'w', 'buy', true, 1, '3', 8)`);
        });
        const [before, after] = await one.client.events(2);
        assert.deepEqual([before.data.cost, before.data.user_wallet], [seen[0].data.cost.replace('1', '2'), 'w']);
        assert.deepEqual([after.data.cost, after.data.user_wallet], ['3', undefined]);
        await one.rowcast.stop();
        const fresh = await serve(t, { database });
        const client = await fresh.connect();
        assert.equal((await client.subscribe('a', { since: seen[0].id })).recovered, true);
        assert.deepEqual(await client.events(2), [before, after]);
    });

    it('when the connection is cut behind a large transaction, which comes again', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a'], { env: { ROWCAST_MAX_QUEUE: '64MiB' } });
        await database.sql(tradesOf('a', 1, 15000));
        await one.client.events(15000);
        await database.cut();
        await expectToGoOn(one, database, []);
    });

    it('when the server stops and starts while nothing is written', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a'], { env: { ROWCAST_HISTORY_TIME: '1s' } });
        await database.writeElsewhere();
        const before = await one.client.expectNothing();
        for (const [round, mode] of ['fast', 'immediate'].entries()) {
            await server.stop(mode);
            await server.start();
            await one.rowcast.logged('source_started', {}, round + 2);
        }
        assert.equal(await answerTo(one.rowcast, before), 'recovered');
        const seen = await trade(database, one, 1);
        assert.deepEqual(costs(seen), [1]);
        await one.client.expectNothing();
    });
});

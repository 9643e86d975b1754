// SPDX-License-Identifier: MIT
// Snapshots (contract sections 3.2 and 5): what they show, in which order, and what happens when they cannot be taken.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { until, ID } = require('./lib/expect.js');
const { Database, start, tradeOf, tradesOf, voteOf, marketOf } = require('./lib/database.js');
const { serve, scriptFolder } = require('./lib/rowcast.js');
const { Server } = require('./lib/server.js');

const TAKE = { snapshot: true };

// The confirmation, the rows, the events before the end, the end: of a market that is subscribed to with a snapshot.
async function taken(client, market) {
    const { data } = await client.expect({ type: 'market_state', market_id: market, data: { id: undefined, recovered: false } });
    const rows = [];
    for (let left = data.snapshot; left > 0; left--) rows.push(await client.expect({ snapshot: true, id: undefined, market_id: market }));
    const events = [];
    for (;;) {
        const message = await client.next();
        if (message.type === 'snapshot_end') {
            assert.match(message.data.id, ID);
            assert.equal(message.market_id, market);
            return { confirmation: data, rows, events, end: message.data.id };
        }
        events.push(message);
    }
}

function take(client, market, options = {}) {
    client.send({ action: 'subscribe', market_id: market, ...TAKE, ...options });
    return taken(client, market);
}

const refused = (code, market) => ({ type: 'error', market_id: market, data: { code } });

// A router whose only table is `things`, with this script.
async function things(t, schema, script, options = {}) {
    const { server, publication, ...rest } = options;
    const database = await Database.create(t, { schema, setup: false, server });
    const scripts = scriptFolder(t, { files: { 'tables/things.lua': script }, shipped: true });
    for (const table of ['markets', 'trades', 'votes', 'discussions']) require('node:fs').rmSync(`${scripts}/tables/${table}.lua`);
    if (publication) await database.sql(publication);
    const setup = await database.db(['setup'], { ROWCAST_SCRIPTS: scripts, ...(rest.env ?? {}) });
    assert.equal(setup.code, 0, JSON.stringify(setup));
    const rowcast = await serve(t, { database, scripts, ...rest });
    await rowcast.logged('source_started');
    return { database, rowcast };
}

const INSERT = `insert = function(new)
    return { type = "thing", topic = new.topic, market_id = new.topic, data = { row = new } }
end`;
const thing = (snapshot) => `return { ${INSERT}, snapshot = ${snapshot} }`;
const THINGS = 'create table things (id bigint primary key, topic text not null, note text)';

describe('a snapshot', () => {
    it('has the market, then what is newest of it, in the order of time', async (t) => {
        const database = await Database.create(t);
        await database.sql(`${marketOf('m')}; ${marketOf('other')}; ${tradesOf('m', 1, 105)}; ${voteOf('m')}; ${voteOf('other')}`);
        const { rowcast } = await start(t, database, []);
        const client = await rowcast.connect();
        const { confirmation, rows, events, end } = await take(client, 'm');
        assert.equal(confirmation.snapshot, 102);
        assert.deepEqual(confirmation.subscriptions, ['m']);
        assert.deepEqual(events, []);
        assert.deepEqual([rows[0].type, rows[0].data.action, rows[0].data.market.question], ['market_state', 'created', 'Will m?']);
        assert.deepEqual(
            rows.slice(1, 101).map(({ data }) => Number(data.cost)),
            Array.from({ length: 100 }, (_, at) => at + 6),
        );
        assert.equal(rows[101].type, 'vote');
        assert.equal(new Set(rows.map(({ timestamp }) => timestamp)).size, 1, 'all are of one time');

        await database.sql(tradeOf('m', 200));
        const [event] = await client.events(1);
        assert.ok(event.id > end);
        assert.equal(event.snapshot, undefined);
        const again = await rowcast.connect();
        assert.equal((await again.subscribe('m', { since: end })).recovered, true);
        assert.deepEqual(await again.events(1), [event], 'the end is a resume point');
    });

    it('is of the types that are wanted', async (t) => {
        const database = await Database.create(t);
        await database.sql(`${marketOf('m')}; ${tradeOf('m', 1)}; ${voteOf('m')}`);
        const { rowcast } = await start(t, database, []);
        const client = await rowcast.connect();
        const { rows } = await take(client, 'm', { events: ['vote', 'discussion'] });
        assert.deepEqual(
            rows.map(({ type }) => type),
            ['vote'],
        );
        await database.sql(`${tradeOf('m', 2)}; ${voteOf('m')}`);
        assert.equal((await client.events(1))[0].type, 'vote');
        await client.expectNothing();
    });

    it('is taken only where the missed events are not known', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['m']);
        const point = await client.expectNothing();
        await database.sql(tradeOf('m', 1));
        const [event] = await client.events(1);
        const back = await rowcast.connect();
        const confirmation = await back.subscribe('m', { since: point, ...TAKE });
        assert.deepEqual([confirmation.recovered, confirmation.snapshot], [true, undefined]);
        assert.deepEqual(await back.events(1), [event]);
        const late = await rowcast.connect();
        const snapshot = await take(late, 'm', { since: 'yesterday' });
        assert.deepEqual([snapshot.confirmation.reason, snapshot.rows.length], ['unknown_id', 1]);
    });

    it('comes in the order of asking, and what is asked behind it waits', async (t) => {
        const database = await Database.create(t);
        await database.sql(`${tradeOf('a', 1)}; ${tradeOf('b', 2)}`);
        const { rowcast } = await start(t, database, []);
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_ids: ['b', 'nothing', 'a'], ...TAKE });
        client.send({ action: 'ping' });
        client.send({ action: 'subscribe', market_id: 'c' });
        client.send({ action: 'unsubscribe', market_id: 'b' });
        const costs = [];
        for (const market of ['b', 'nothing', 'a']) costs.push((await taken(client, market)).rows.map(({ data }) => data.cost));
        assert.deepEqual(costs, [['2'], [], ['1']]);
        await client.expect({ type: 'pong' });
        await client.subscribed('c');
        await client.expect({ data: { message: 'Unsubscribed from market b', subscriptions: ['nothing', 'a', 'c'] } });
    });

    it('may be taken again of what one is subscribed to', async (t) => {
        const database = await Database.create(t);
        await database.sql(tradeOf('m', 1));
        const { rowcast, client } = await start(t, database, ['m', 'other']);
        const { rows, confirmation } = await take(client, 'm');
        assert.equal(rows.length, 1);
        assert.deepEqual(confirmation.subscriptions, ['other', 'm']);
        await database.sql(`${tradeOf('m', 2)}; ${tradeOf('other', 3)}`);
        assert.deepEqual(
            (await client.events(2)).map(({ data }) => data.cost),
            ['2', '3'],
        );
        await client.expectNothing();
        assert.equal(rowcast.lines('snapshot_failed').length, 0);
    });

    it('ends although an open transaction keeps the end of the log in memory', async (t) => {
        const database = await Database.create(t);
        await database.sql(tradeOf('m', 1));
        const { rowcast } = await start(t, database, []);
        const session = database.session();
        await session.sql('begin');
        await session.sql(tradeOf('m', 2));
        const client = await rowcast.connect();
        assert.equal((await take(client, 'm')).rows.length, 1);
        await session.sql('commit');
        assert.equal((await client.events(1))[0].data.cost, '2');
    });

    it('flows as the client reads it', async (t) => {
        const script = thing('{ where = "topic = $1", order = "id" }');
        const { database, rowcast } = await things(t, THINGS, script, { env: { ROWCAST_MAX_QUEUE: '64KiB' } });
        await database.sql(`insert into things select n, 'm', repeat('x', 1000) from generate_series(1, 5000) n`);
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        client.pause();
        await until('a connection for it', async () => (await database.sql(`select pid from pg_stat_activity where query like 'COMMIT%'`))[0]);
        client.resume();
        const { rows } = await taken(client, 'm');
        assert.deepEqual(
            rows.map(({ data }) => data.row.id),
            Array.from({ length: 5000 }, (_, at) => String(at + 1)),
        );
    });

    it('is not to be had of recorded rows', async (t) => {
        const rowcast = await serve(t);
        await rowcast.logged('source_started');
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        const { data } = await client.expect(refused('invalid_option', 'm'));
        assert.match(data.error, /snapshot/);
        assert.deepEqual((await client.subscribe('n')).subscriptions, ['n']);
    });
});

describe('the rows of a snapshot', () => {
    it('look as they do in the stream, whatever their types', async (t) => {
        const schema = `
            create type mood as enum ('fine', 'so so');
            create domain positive as int check (value > 0);
            create domain moods as mood[];
            create table things (
                id bigint primary key, topic text not null, i int, f float8, b bool, n numeric, j jsonb, at timestamptz, plain timestamp,
                list text[], numbers int[], m mood, many mood[], p positive, d moods, bytes bytea, span interval, missing text,
                twice int generated always as (i * 2) stored, "Odd ""name" text, u uuid, range int4range)`;
        const { database, rowcast } = await things(t, schema, thing('{ where = "topic = $1" }'));
        const client = await rowcast.connect();
        await client.subscribe('m');
        await database.sql(`
            insert into things values (1, 'm', 7, 'NaN', true, 1.50, '{"b": [1, null], "a": 1e2}', '2025-11-09 12:00:00.5+01', '2025-11-09 12:00:00',
                '{"a b",NULL}', '{1,2}', 'so so', '{fine,"so so"}', 3, '{fine}', '\\x00ff', '1 day 2 hours', null,
                default, 'odd', '6f1c1d2e-0000-4000-8000-000000000001', '[1,5)')`);
        const [event] = await client.events(1);
        const { rows } = await take(await rowcast.connect(), 'm');
        assert.deepEqual(rows[0].data, event.data);
        assert.deepEqual(Object.keys(rows[0].data.row), Object.keys(event.data.row));
        assert.ok(Array.isArray(rows[0].data.row.many) && !('twice' in rows[0].data.row));
    });

    it('have no columns and no rows that the publication leaves out', async (t) => {
        const { database, rowcast } = await things(t, `${THINGS}; alter table things add secret text`, thing('{ where = "topic = $1", order = "secret" }'), {
            publication: `create publication rowcast for table things (id, topic) where (id < 100) with (publish = 'insert')`,
        });
        await database.sql(`insert into things values (1, 'm', 'n', 'b'), (2, 'm', 'n', 'a'), (100, 'm', 'n', 'c')`);
        const { rows } = await take(await rowcast.connect(), 'm');
        assert.deepEqual(
            rows.map(({ data }) => data.row),
            [
                { id: '2', topic: 'm' },
                { id: '1', topic: 'm' },
            ],
        );
    });

    it('are none where the topic cannot be what a column is compared with', async (t) => {
        const script = `return { ${INSERT}, snapshot = function(topic)
            return { where = "id = $1 and note <> $2", args = { topic, "x" } }
        end }`;
        const { database, rowcast } = await things(t, THINGS, script);
        await database.sql(`insert into things values (7, '7', 'seven')`);
        const client = await rowcast.connect();
        for (const topic of ['seven', '99999999999999999999', '7; drop table things', "7' or '1' = '1"])
            assert.equal((await take(client, topic)).rows.length, 0, topic);
        assert.equal((await take(client, '7')).rows.length, 1);
        assert.equal(rowcast.lines('snapshot_failed').length, 0);
    });

    it('are only of the topic that was asked for', async (t) => {
        const script = `return { insert = function(new)
            return { { type = "thing", topic = { new.topic, "all" }, market_id = new.topic, data = { id = new.id } },
                     { type = "thing", topic = "elsewhere", data = { id = new.id } } }
        end, snapshot = function(topic)
            if topic == "nothing" then return nil end
            return { order = "id", limit = 3 }
        end }`;
        const { database, rowcast } = await things(t, THINGS, script);
        await database.sql(`insert into things select n, 'm' || n % 2 from generate_series(1, 5) n`);
        const client = await rowcast.connect();
        assert.equal((await take(client, 'm0')).rows.length, 1);
        assert.equal((await take(client, 'nothing')).rows.length, 0);
        client.send({ action: 'subscribe', market_id: 'all', ...TAKE });
        await client.expect({ market_id: 'all', data: { snapshot: 3 } });
        for (const id of ['1', '2', '3']) await client.expect({ snapshot: true, data: { id } });
        await client.expect({ type: 'snapshot_end', market_id: 'all' });
    });
});

describe('a snapshot that cannot be taken', () => {
    // Nothing is subscribed, and the connection is as good as before.
    async function goesOn(client) {
        assert.deepEqual((await client.subscribe('another')).subscriptions, ['another']);
    }

    it('is told, and the log says what to mend', async (t) => {
        const { rowcast } = await things(t, THINGS, thing('{ where = "tpoic = $1" }'));
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        const { data } = await client.expect(refused('internal', 'm'));
        assert.doesNotMatch(data.error, /tpoic/);
        await rowcast.logged('snapshot_failed', { level: 'error', message: /tpoic/ });
        await goesOn(client);
    });

    it('is told when the script fails', async (t) => {
        const { rowcast } = await things(t, THINGS, thing('function(topic) return topic.x.y end'));
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        await client.expect(refused('internal', 'm'));
        await rowcast.logged('snapshot_failed', { message: /things\.lua:3: attempt to index/ });
        await goesOn(client);
    });

    it('is told when the database takes too long', async (t) => {
        const { database, rowcast } = await things(t, THINGS, thing('{ where = "topic = $1 and pg_sleep(300) is not null" }'), {
            env: { ROWCAST_SNAPSHOT_TIMEOUT: '300ms' },
        });
        await database.sql(`insert into things values (1, 'm')`);
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        await client.expect(refused('unavailable', 'm'));
        await rowcast.logged('snapshot_failed', { level: 'warn', message: /snapshot_timeout/ });
        await goesOn(client);
    });

    it('is told when it is too large', async (t) => {
        const { database, rowcast } = await things(t, THINGS, thing('{ where = "topic = $1" }'));
        await database.sql(`insert into things select n, 'rows' from generate_series(1, 10001) n`);
        await database.sql(`insert into things select 20000 + n, 'bytes', repeat('x', 1000000) from generate_series(1, 9) n`);
        const client = await rowcast.connect();
        for (const topic of ['rows', 'bytes']) {
            client.send({ action: 'subscribe', market_id: topic, ...TAKE });
            await client.expect(refused('internal', topic));
        }
        await rowcast.logged('snapshot_failed', { message: /public\.things.*limit/ });
        await goesOn(client);
    });

    it('is told when the rows may not be read', async (t) => {
        const database = await Database.create(t, { schema: THINGS, setup: false });
        const scripts = scriptFolder(t, { files: { 'tables/things.lua': thing('{ where = "topic = $1" }') }, shipped: true });
        for (const table of ['markets', 'trades', 'votes', 'discussions']) require('node:fs').rmSync(`${scripts}/tables/${table}.lua`);
        const role = `reader_${database.name}`;
        await database.db(['setup'], { ROWCAST_SCRIPTS: scripts });
        await database.sql(`create role ${role} login replication`);
        t.after(() => database.sql(`drop owned by ${role}; drop role ${role}`).catch(() => {}));
        const url = Object.assign(new URL(database.url), { username: role }).href;
        const rowcast = await serve(t, { database, scripts, env: { DATABASE_URL: url } });
        await rowcast.logged('source_started');
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        await client.expect(refused('internal', 'm'));
        await rowcast.logged('snapshot_failed', { message: /GRANT SELECT/ });
        await database.sql(`grant select on things to ${role}; insert into things values (1, 'm'), (2, 'm')`);
        assert.equal((await take(client, 'm')).rows.length, 2);

        // Policies hide rows without a word; here that is an error.
        await database.sql(`alter table things enable row level security; create policy half on things using (id < 2)`);
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        await client.expect(refused('internal', 'm'));
        await rowcast.logged('snapshot_failed', { message: /BYPASSRLS/ });
    });

    it('is told while the database is away, and taken when it is back', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        await database.sql(tradeOf('m', 1));
        const { rowcast } = await start(t, database, []);
        const client = await rowcast.connect();
        assert.equal((await take(client, 'm')).rows.length, 1);
        await server.stop();
        client.send({ action: 'subscribe', market_id: 'n', ...TAKE });
        await client.expect(refused('unavailable', 'n'));
        await server.start();
        await rowcast.ready();
        assert.equal((await take(client, 'm')).rows.length, 1);
    });
});

describe('a snapshot under way', () => {
    it('begins again when continuity ends before its rows are there', async (t) => {
        const { database, rowcast } = await things(t, THINGS, thing('{ where = "topic = $1 and pg_advisory_xact_lock_shared(42) is not null" }'));
        await database.sql(`insert into things values (1, 'm')`);
        const session = database.session();
        await session.sql('select pg_advisory_lock(42)');
        const client = await rowcast.connect();
        await client.subscribe('live');
        client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        const waits = `select pid from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory' and datname = current_database()`;
        await until('it waits for the lock', async () => (await database.sql(waits)).length === 1);
        rowcast.signal('SIGSTOP'); // so that it does not come back in between
        await database.cut();
        await until('the slot is free', async () => !(await database.sql(`select active_pid from pg_replication_slots where slot_name = '${database.slot}' and active`))[0]);
        await database.sql(`select pg_drop_replication_slot('${database.slot}')`);
        await database.sql(`insert into things values (2, 'm'), (3, 'live')`);
        await database.sql(`select pg_create_logical_replication_slot('${database.slot}', 'pgoutput')`);
        rowcast.signal('SIGCONT');
        await client.expect({ type: 'error', data: { code: 'stream_reset' } });
        await session.sql('select pg_advisory_unlock(42)');
        const { rows, events } = await taken(client, 'm');
        assert.deepEqual([rows.map(({ data }) => data.row.id), events], [['1', '2'], []]);
        await database.sql(`insert into things values (4, 'live'), (5, 'm')`);
        assert.deepEqual(
            (await client.events(2)).map(({ data }) => data.row.id),
            ['4', '5'],
        );
    });
});

describe('many snapshots', () => {
    const connections = (database) =>
        database.sql(`select count(*) from pg_stat_activity where datname = current_database() and application_name = 'rowcast'
            and backend_type = 'client backend'`);

    it('share a few connections', async (t) => {
        const database = await Database.create(t);
        await database.sql(tradesOf('m', 1, 50));
        const { rowcast } = await start(t, database, []);
        const clients = await Promise.all(Array.from({ length: 200 }, () => rowcast.connect()));
        let most = 0;
        let over = false;
        const watched = (async () => {
            while (!over) most = Math.max(most, Number((await connections(database))[0]));
        })();
        const all = await Promise.all(clients.map((client) => take(client, 'm')));
        over = true;
        await watched;
        assert.ok(all.every(({ rows }) => rows.length === 50));
        assert.ok(most >= 1 && most <= 4 + 1, `${most} connections, one of which watches the slot`);
    });

    it('are given up when the client leaves', async (t) => {
        const { database, rowcast } = await things(t, THINGS, thing(`{ where = "topic = $1 and case topic when 'm' then pg_sleep(1000) is not null else true end" }`), {
            env: { ROWCAST_SNAPSHOT_TIMEOUT: '1h', ROWCAST_SNAPSHOT_CONNECTIONS: '2' },
        });
        await database.sql(`insert into things values (1, 'm')`);
        const asleep = () => database.sql(`select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`);
        const clients = await Promise.all(Array.from({ length: 5 }, () => rowcast.connect()));
        for (const client of clients) client.send({ action: 'subscribe', market_id: 'm', ...TAKE });
        await until('two sleep', async () => (await asleep()).length === 2);
        for (const client of clients) client.terminate();
        await until('none sleeps', async () => (await asleep()).length === 0);
        const client = await rowcast.connect();
        assert.equal((await take(client, 'quiet')).rows.length, 0);
    });
});

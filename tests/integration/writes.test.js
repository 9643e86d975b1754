// SPDX-License-Identifier: MIT
// Reading one's writes: with `after_lsn` the confirmation comes when the stream has passed what the writer committed.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { suite, ID } = require('./lib/expect.js');
const { Database, start, tradeOf, voteOf, marketOf } = require('./lib/database.js');
const { psql } = require('./lib/psql.js');
const { serve } = require('./lib/rowcast.js');
const { Server } = require('./lib/server.js');

const WAIT = 30; // seconds until the server gives up
const FLUSHED = 'select pg_current_wal_flush_lsn()';

// Writes, and gives the position that the writer is told after its commit.
async function write(database, sql) {
    const lines = await database.sql(`${sql};\n${FLUSHED}`);
    return lines.at(-1);
}

const lsnOf = (text) => text.split('/').reduce((sum, part) => sum * 2n ** 32n + BigInt(`0x${part}`), 0n);
const behind = (lsn, far) => {
    const at = lsnOf(lsn) + far;
    return `${(at >> 32n).toString(16)}/${(at & 0xffffffffn).toString(16)}`.toUpperCase();
};

describe('after_lsn', () => {
    const owner = suite();
    let database, rowcast, client;
    before(async () => {
        database = await Database.create(owner);
        ({ rowcast, client } = await start(owner, database, ['m']));
    });

    it('confirms when what was written has passed', async () => {
        for (let n = 0; n < 20; n++) {
            const lsn = await write(database, tradeOf('m', n));
            client.send({ action: 'subscribe', market_id: 'm', after_lsn: lsn });
            const [event] = await client.events(1); // before its confirmation
            assert.equal(event.data.cost, String(n));
            const { recovered, id } = await client.subscribed('m');
            assert.equal(recovered, false);
            assert.ok(id >= event.id);
        }
        await client.expectNothing();
    });

    it('is not waited for where it has passed already', async () => {
        const lsn = await write(database, tradeOf('m', 100));
        await client.events(1);
        for (const after_lsn of [lsn, '0/0', '0/1', lsn.toLowerCase()]) await client.subscribe('m', { after_lsn });
        await client.expectNothing();
    });

    it('confirms on a stream that is idle, when nothing but unpublished tables were written', async () => {
        for (let n = 0; n < 3; n++) {
            await database.writeElsewhere();
            await client.subscribe('m', { after_lsn: (await database.sql(FLUSHED))[0] });
        }
        await client.subscribe('m', { after_lsn: (await database.sql('select pg_current_wal_insert_lsn()'))[0] });
        await client.expectNothing();
    });

    it('with since replays what was written', async () => {
        const back = await rowcast.connect();
        const point = await client.expectNothing();
        const lsn = await write(database, tradeOf('m', 200));
        assert.equal((await back.subscribe('m', { since: point, after_lsn: lsn })).recovered, true);
        const [event] = await back.events(1);
        assert.equal(event.data.cost, '200');
        assert.deepEqual(await client.events(1), [event]);
    });

    it('with market_ids holds for each of them, in order', async () => {
        const back = await rowcast.connect();
        const point = await client.expectNothing();
        const lsn = await write(database, `begin; ${tradeOf('a', 1)}; ${voteOf('b')}; commit`);
        back.send({ action: 'subscribe', market_ids: ['b', 'a'], since: { a: point }, after_lsn: lsn });
        assert.equal((await back.subscribed('b')).recovered, false);
        assert.equal((await back.subscribed('a')).recovered, true);
        assert.equal((await back.events(1))[0].type, 'trade');
        await back.expectNothing();
    });

    it('with a snapshot takes it behind what was written', async () => {
        const back = await rowcast.connect();
        const lsn = await write(database, `begin; ${marketOf('s')}; ${tradeOf('s', 7)}; commit`);
        back.send({ action: 'subscribe', market_id: 's', snapshot: true, after_lsn: lsn });
        await back.expect({ market_id: 's', data: { snapshot: 2, id: undefined } });
        await back.expect({ type: 'market_state', snapshot: true });
        await back.expect({ type: 'trade', snapshot: true, data: { cost: '7' } });
        await back.expect({ type: 'snapshot_end', data: { id: ID } });
        await back.expectNothing();
    });

    it('that the database has not come to is refused, and changes nothing', async () => {
        const lsn = await write(database, tradeOf('n', 1));
        const other = await rowcast.connect();
        for (const after_lsn of ['FFFFFFFF/FFFFFFFF', behind(lsn, 2n ** 30n)]) {
            other.send({ action: 'subscribe', market_ids: ['a', 'b'], after_lsn });
            for (const market_id of ['a', 'b'])
                await other.expect({
                    type: 'error',
                    market_id,
                    data: { code: 'unavailable', error: /^The database's log has not come to after_lsn/ },
                });
        }
        assert.deepEqual((await other.subscribe('c')).subscriptions, ['c']);
        client.send({ action: 'subscribe', market_id: 'm', events: ['vote'], after_lsn: 'FFFFFFFF/0' });
        await client.expect({ type: 'error', market_id: 'm' });
        await database.sql(tradeOf('m', 500));
        assert.equal((await client.events(1))[0].data.cost, '500', 'the choice of before');
    });

    it('that is none is invalid', async () => {
        for (const after_lsn of ['', '0', '0/', '16B3748', '0/G', '0/123456789', ' 0/1', 7, true, {}, ['0/1']]) {
            client.send({ action: 'subscribe', market_id: 'm', after_lsn });
            const error = 'after_lsn must be a position in the log, like 0/16B3748';
            await client.expect({ type: 'error', data: { code: 'invalid_option', error } });
        }
        await client.subscribe('m', { after_lsn: null });
    });
});

// A router whose database nobody can ask: what is ahead of it is waited for. The writer is connected already.
async function unasked(t) {
    const database = await Database.create(t);
    const { rowcast, client } = await start(t, database, ['m']);
    const writer = database.session();
    await writer.sql('create table other (content text)');
    await psql(database.admin, `alter database ${database.name} allow_connections false`);
    const [now] = await writer.sql(FLUSHED);
    const reach = () => writer.sql('insert into other select md5(n::text) from generate_series(1, 40000) n');
    return { rowcast, client, writer, ahead: behind(now, 2n ** 20n), reach };
}

describe('after_lsn that the stream has not come to yet', () => {
    it('holds back what is asked behind it, and nobody else', async (t) => {
        const { rowcast, client, writer, ahead, reach } = await unasked(t);
        const waiting = await Promise.all(Array.from({ length: 50 }, () => rowcast.connect()));
        for (const one of [client, ...waiting]) {
            one.send({ action: 'subscribe', market_id: 'm', after_lsn: ahead });
            one.send({ action: 'ping' });
        }
        const other = await rowcast.connect();
        await other.subscribe('m');
        await writer.sql(tradeOf('m', 1));
        const [event] = await other.events(1);
        await other.expectNothing();
        assert.deepEqual(await client.events(1), [event], 'it is subscribed already');
        assert.equal((await rowcast.status()).clients.waiting, 51);

        const gone = waiting.pop();
        await gone.close(1000);
        await reach();
        for (const one of [client, ...waiting]) {
            assert.ok((await one.subscribed('m')).id > event.id);
            await one.expect({ type: 'pong' });
        }
        await writer.sql(tradeOf('m', 2));
        const last = await other.events(1);
        for (const one of [client, ...waiting]) assert.deepEqual(await one.events(1), last);
    });

    it('in time is unavailable, and what is asked behind it is answered', async (t) => {
        const { client, ahead } = await unasked(t);
        const never = behind(ahead, 2n ** 40n); // others write to the same server
        client.send({ action: 'subscribe', market_id: 'n', after_lsn: never });
        const { market_id, data } = await client.next('an error', 4 * WAIT);
        assert.deepEqual([market_id, data.code, data.error.slice(0, 33)], ['n', 'unavailable', 'The event stream has not come to ']);
        assert.deepEqual((await client.subscribe('o')).subscriptions, ['m', 'o']);
    });
});

describe('after_lsn of a writer that does not wait for its commit', () => {
    it('is the position of insertion, which the server is asked to flush', async (t) => {
        const server = await Server.start(t, { wal_writer_delay: '10s', autovacuum: 'off' });
        const database = await Database.create(t, { server });
        const { client } = await start(t, database, ['m']);
        const writer = database.session();
        await writer.sql('set synchronous_commit = off');
        for (let n = 0; n < 5; n++) {
            await writer.sql(tradeOf('m', n));
            const [lsn] = await writer.sql('select pg_current_wal_insert_lsn()');
            client.send({ action: 'subscribe', market_id: 'm', after_lsn: lsn });
            assert.equal((await client.events(1))[0].data.cost, String(n));
            await client.subscribed('m');
        }
        const open = database.session(); // its records stay in the server's memory for long
        await open.sql(`begin; ${tradeOf('m', 9)}`);
        await client.subscribe('m', { after_lsn: (await open.sql('select pg_current_wal_insert_lsn()'))[0] });
        await open.sql('commit');
        assert.equal((await client.events(1))[0].data.cost, '9');
        await client.expectNothing();
    });
});

describe('after_lsn without a database', () => {
    it('is not possible', async (t) => {
        const rowcast = await serve(t);
        const client = await rowcast.connect();
        for (const after_lsn of ['0/0', '0/16B3748']) {
            client.send({ action: 'subscribe', market_id: 'm', after_lsn });
            await client.expect({ type: 'error', market_id: 'm', data: { code: 'invalid_option', error: /reads no database/ } });
        }
        assert.deepEqual((await client.subscribe('n')).subscriptions, ['n']);
    });
});

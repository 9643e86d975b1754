// SPDX-License-Identifier: MIT
// When the stream cannot go on from where it was, everybody is told: never a silent gap.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { psql } = require('./lib/psql.js');
const { Server } = require('./lib/server.js');
const { Database, start, tradeOf } = require('./lib/database.js');

const costs = (events) => events.map((event) => Number(event.data.cost));

// The client is told, before anything new, and from where it goes on; its old ids are refused with the reason.
async function expectReset({ rowcast, client }, database, old, reason) {
    await rowcast.logged('stream_reset');
    await rowcast.ready();
    const { data } = await client.expect({ type: 'error', data: { code: 'stream_reset' } });
    await database.sql(tradeOf('a', 1000));
    const [event] = await client.events(1);
    assert.deepEqual(costs([event]), [1000]);
    const again = await rowcast.connect();
    const told = await again.subscribe('a', { since: old.id });
    assert.deepEqual([told.recovered, told.reason], [false, reason]);
    const other = await rowcast.connect();
    assert.equal((await other.subscribe('a', { since: data.id })).recovered, true);
    assert.deepEqual(await other.events(1), [event]);
}

const copy = (from, to) => assert.equal(spawnSync('cp', ['-a', from, to]).status, 0);

describe('subscribers are told', () => {
    it('when the slot was dropped and made anew', async (t) => {
        const database = await Database.create(t);
        const one = await start(t, database, ['a']);
        const idle = await one.rowcast.connect();
        await database.sql(tradeOf('a', 1));
        const [old] = await one.client.events(1);
        one.rowcast.signal('SIGSTOP'); // so that it does not come back in between
        await database.cut();
        await database.sql(`select pg_drop_replication_slot('${database.slot}')`);
        await database.sql(tradeOf('a', 2));
        await database.sql(`select pg_create_logical_replication_slot('${database.slot}', 'pgoutput')`);
        one.rowcast.signal('SIGCONT');
        await expectReset(one, database, old, 'expired');
        await idle.expectNothing(); // nothing to be behind with
    });

    it('when the server was set back to a backup', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        await database.sql(tradeOf('a', 1));
        await server.stop();
        copy(server.data, path.join(server.folder, 'backup'));
        await server.start();
        const one = await start(t, database, ['a']);
        for (let cost = 2; cost < 50; cost++) await database.sql(tradeOf('a', cost));
        const events = await one.client.events(48);
        await server.stop();
        fs.rmSync(server.data, { recursive: true });
        copy(path.join(server.folder, 'backup'), server.data);
        await server.start();
        await expectReset(one, database, events.at(-1), 'unknown_id');
    });

    it('when the server was promoted', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a']);
        await database.sql(tradeOf('a', 1));
        const [old] = await one.client.events(1);
        await server.stop();
        fs.writeFileSync(path.join(server.data, 'standby.signal'), '');
        await server.start();
        await one.rowcast.unready(/standby/);
        server.command('pg_ctl', ['-D', server.data, '-w', 'promote']);
        await expectReset(one, database, old, 'stream_reset');
    });

    it('when another cluster answers', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const one = await start(t, database, ['a']);
        await database.sql(tradeOf('a', 1));
        const [old] = await one.client.events(1);
        await server.stop();
        fs.rmSync(server.data, { recursive: true });
        server.command('initdb', ['-D', server.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
        await server.start();
        await psql(server.url(), `create database ${database.name}`);
        await one.rowcast.unready(/publication/);
        await database.sql(fs.readFileSync(path.join(__dirname, '../../examples/market/schema.sql'), 'utf8'));
        await database.setup();
        await expectReset(one, database, old, 'stream_reset');
    });
});

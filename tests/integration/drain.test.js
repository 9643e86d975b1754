// SPDX-License-Identifier: MIT
// Ending well: goodbyes over the drain time, and another instance that takes the port over under load.
'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');
const { describe, it } = require('node:test');
const { serve, run } = require('./lib/rowcast.js');
const { WebSocket } = require('./lib/client.js');
const { Database, tradeOf, marketOf } = require('./lib/database.js');
const { until } = require('./lib/expect.js');
const { marketFeed } = require('./lib/feed.js');
const { range } = require('./lib/rows.js');

const CLIENTS = Number(process.env.ROWCAST_TEST_LONG === 'yes' ? 2000 : 100);
const RESTARTS = 3;

// Knocks on the port again and again: { reached, refused }.
async function knock(port, ended) {
    const seen = { reached: 0, refused: 0 };
    while (!ended.now) {
        const socket = net.connect(port, '127.0.0.1');
        await new Promise((resolve) => {
            socket.once('connect', () => socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'));
            socket.once('data', () => resolve(seen.reached++));
            socket.once('error', () => resolve(seen.refused++));
            socket.once('end', resolve);
        });
        socket.destroy();
    }
    return seen;
}

describe('SIGTERM', () => {
    it('spreads its goodbyes over the drain time', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_DRAIN: '2s', ROWCAST_WORKERS: '1' } });
        const clients = await Promise.all(range(0, 300).map(() => rowcast.connect()));
        const began = Date.now();
        const times = clients.map(async (client) => {
            assert.equal((await client.ended).code, 1001);
            return Date.now() - began;
        });
        rowcast.signal('SIGTERM');
        const ends = await Promise.all(times);
        await rowcast.expectExit(0);
        assert.ok(Math.max(...ends) >= 200, `the last goodbye came after ${Math.max(...ends)} ms`);
    });
});

describe('--take-over', () => {
    it(`restarts ${RESTARTS} times under ${CLIENTS} clients: nothing is lost, nothing comes twice`, async (t) => {
        const database = await Database.create(t);
        const topics = range(0, 10).map((n) => `market-${n}`);
        await database.commit(...topics.map(marketOf));
        let current = await serve(t, { database, env: { ROWCAST_DRAIN: '1s' } });
        await current.ready();
        const { port, adminPort } = current;

        const stale = [];
        const seen = range(0, CLIENTS).map(() => []);
        const feeds = seen.map((events, n) => {
            const feed = marketFeed(`ws://127.0.0.1:${port}/ws`, {
                WebSocket,
                event: ({ type, data }) => type === 'trade' && events.push(Number(data.cost)),
                stale: (market, reason) => reason && stale.push(reason),
            });
            feed.subscribe(topics[n % topics.length]);
            return feed;
        });
        t.after(() => feeds.forEach((feed) => feed.close()));
        await until('all have subscribed', async () => (await current.metrics()).rowcast_subscriptions === CLIENTS);

        const ended = { now: false };
        const knocking = knock(port, ended);
        const session = database.session();
        let written = 0;
        const writing = (async () => {
            while (!ended.now) {
                await session.sql(['begin', ...topics.map((topic) => tradeOf(topic, written)), 'commit'].join(';'));
                written++;
                await sleep(20);
            }
        })();
        for (let i = 0; i < RESTARTS; i++) {
            const next = await serve(t, {
                database,
                args: ['--take-over'],
                env: { WS_PORT: String(port), ROWCAST_ADMIN: `127.0.0.1:${adminPort}`, ROWCAST_DRAIN: '1s' },
            });
            await next.logged('source_lost', { message: /stands by/ });
            current.signal('SIGTERM');
            await current.expectExit(0);
            current = next;
            await current.logged('source_started');
            assert.equal((await current.logged('admin_listening')).admin_port, adminPort);
            current.adminPort = adminPort;
            await until('all are back', async () => (await current.metrics()).rowcast_subscriptions === CLIENTS);
        }
        ended.now = true;
        await writing;
        const all = range(0, written);
        await until('the last event came', () => seen.every((events) => events.at(-1) === written - 1));
        for (const events of seen) assert.deepEqual(events, all);
        assert.deepEqual(stale, []);
        const { reached, refused } = await knocking;
        console.log(`# ${written * topics.length} events to ${CLIENTS} clients; of ${reached + refused} other connections ${refused} were refused`);
        assert.ok(refused <= RESTARTS * 5, `${refused} of ${reached + refused} connections were refused`);
    });

    it('is not given by who does not share the port', async (t) => {
        const holder = net.createServer();
        await new Promise((resolve) => {
            holder.listen(0, '127.0.0.1', resolve);
        });
        t.after(() => holder.close());
        const env = { WS_PORT: String(holder.address().port), WS_HOST: '127.0.0.1' };
        const { code, stderr } = await run(['--take-over', '--source', '/dev/null'], { env });
        assert.deepEqual([code, /taken by another process/.test(stderr)], [69, true], stderr);
    });
});

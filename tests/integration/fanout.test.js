// SPDX-License-Identifier: MIT
// Many clients on several threads: nobody misses, nobody gets it twice, and nobody waits for the slow.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { until, inTime } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { transaction, trade, trades, discussion, costs, range } = require('./lib/rows.js');

const WORKERS = { ROWCAST_WORKERS: '2' };
const PATIENT = { ...WORKERS, ROWCAST_MAX_QUEUE: '64MiB' };

async function connectMany(rowcast, count) {
    const clients = [];
    for (let i = 0; i < count; i += 50)
        clients.push(...(await Promise.all(Array.from({ length: Math.min(50, count - i) }, () => rowcast.connect()))));
    return clients;
}

describe('many clients', () => {
    it('get bursts, each what it asked for, once and in order', async (t) => {
        const rowcast = await serve(t, { env: PATIENT });
        const clients = await connectMany(rowcast, 240);
        // Everyone hears `all`; of ten topics a third each.
        const wants = (client, topic) => topic === 'all' || (client + Number(topic)) % 3 === 0;
        const topics = ['all', ...range(0, 10).map(String)];
        await Promise.all(
            clients.map(async (client, i) => {
                const mine = topics.filter((topic) => wants(i, topic));
                client.send({ action: 'subscribe', market_ids: mine });
                for (const topic of mine) await client.subscribed(topic);
            }),
        );
        const sent = [];
        for (let burst = 0; burst < 5; burst++) {
            const rows = range(burst * 60, 60).map((n) => [topics[(n * 7) % topics.length], n]);
            sent.push(...rows);
            rowcast.feed(...rows.map(([topic, n]) => transaction(n, trade(topic, n))));
            await clients[burst].arrived(1);
        }
        await Promise.all(
            clients.map(async (client, i) => {
                const expected = sent.filter(([topic]) => wants(i, topic)).map(([, n]) => n);
                assert.deepEqual(costs(await client.events(expected.length)), expected, `of client ${i}`);
                await client.expectNothing();
            }),
        );
        assert.equal(rowcast.lines('draining').length, 0);
    });

    it('that come and go disturb nobody', async (t) => {
        const rowcast = await serve(t, { env: WORKERS });
        const staying = await connectMany(rowcast, 20);
        await Promise.all(staying.map((client) => client.subscribe('a')));
        const total = 400;
        let fed = 0;
        for (let round = 0; round < 20; round++) {
            const passing = await connectMany(rowcast, 20);
            for (const [i, client] of passing.entries()) {
                if (i % 2) client.send({ action: 'subscribe', market_id: 'a' });
            }
            rowcast.feed(...trades('a', fed, 20));
            fed += 20;
            for (const [i, client] of passing.entries()) {
                if (i % 3 === 0) client.terminate();
                else client.socket.close();
            }
        }
        for (const client of staying) {
            assert.deepEqual(costs(await client.events(total)), range(0, total));
            await client.expectNothing();
        }
    });

    it('are spread over the workers, and one message reaches them all', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_WORKERS: '4' } });
        const clients = await connectMany(rowcast, 60);
        await Promise.all(clients.map((client) => client.subscribe('a')));
        rowcast.feed(transaction(1, discussion('a', 1, 'x'.repeat(200000))));
        const [event] = await clients[0].events(1);
        for (const client of clients.slice(1)) assert.deepEqual(await client.events(1), [event]);
    });
});

describe('a client with 1,000 subscriptions', () => {
    it('hears each of them', async (t) => {
        const rowcast = await serve(t, { env: PATIENT });
        const client = await rowcast.connect();
        const markets = range(0, 1000).map((n) => `market-${n}`);
        client.send({ action: 'subscribe', market_ids: markets.slice(0, 400) });
        client.send({ action: 'subscribe', market_ids: markets.slice(400, 700) });
        client.send({ action: 'subscribe', market_ids: markets.slice(700) });
        for (const market of markets) await client.subscribed(market);
        assert.equal((await client.subscribe('market-5')).subscription_count, 1000);
        client.send({ action: 'subscribe', market_id: 'one more' });
        await client.expect({ type: 'error', data: { code: 'too_many_subscriptions' } });
        for (let round = 0; round < 3; round++) {
            rowcast.feed(...markets.map((market, n) => transaction(n, trade(market, n))));
            assert.deepEqual(costs(await client.events(1000)), range(0, 1000));
        }
        client.send({ action: 'unsubscribe', market_ids: markets.slice(0, 999) });
        for (let i = 0; i < 999; i++) await client.expect({ data: { message: `Unsubscribed from market market-${i}` } });
        rowcast.feed(...markets.map((market, n) => transaction(n, trade(market, n))));
        assert.deepEqual(costs(await client.events(1)), [999]);
        await client.expectNothing();
    });
});

describe('a client that does not read', () => {
    const LIMIT = 64 * 1024;
    const BIG = 'x'.repeat(16 * 1024);

    it('delays nobody, and is closed while the others get everything', async (t) => {
        const rowcast = await serve(t, { env: { ...WORKERS, ROWCAST_MAX_QUEUE: `${LIMIT}`, ROWCAST_HISTORY: '1MiB' } });
        const clients = await connectMany(rowcast, 10);
        const slow = await connectMany(rowcast, 4);
        await Promise.all([...clients, ...slow].map((client) => client.subscribe('a')));
        for (const client of slow) client.pause();
        const total = 2000; // 32 MB, beyond what the kernel keeps for a socket
        for (let fed = 0; fed < total; fed += 5) {
            rowcast.feed(transaction(fed, ...range(fed, 5).map((n) => discussion('a', n, BIG))));
            await Promise.all(clients.map((client) => client.arrived(5))); // the others keep up, whatever the slow ones do
            for (const client of clients) {
                const events = await client.events(5);
                assert.deepEqual(
                    events.map((event) => event.data.id),
                    range(fed, 5).map((n) => `d-${n}`),
                );
            }
        }
        for (const client of clients) await client.expectNothing();
        for (const client of slow) {
            client.resume();
            const { code } = await client.closed();
            assert.ok([4100, 1006].includes(code), `closed with ${code}\n`);
            const seen = client.messages.map((event) => event.data.id);
            assert.deepEqual(
                seen,
                seen.map((_, n) => `d-${n}`),
                'what it got before is without a gap',
            );
            assert.ok(seen.length < total);
        }
    });

    it('may come back and resume', async (t) => {
        const rowcast = await serve(t, { env: { ...WORKERS, ROWCAST_MAX_QUEUE: `${LIMIT}`, ROWCAST_HISTORY: '256MiB' } });
        const [client, slow] = await connectMany(rowcast, 2);
        await client.subscribe('a');
        const { id } = await slow.subscribe('a');
        slow.pause();
        const total = 1000;
        for (let fed = 0; fed < total; fed++) {
            rowcast.feed(transaction(fed, discussion('a', fed, BIG)));
            await client.events(1);
        }
        slow.resume();
        // Either it catches up, or it is told to resume: nothing is skipped silently.
        await inTime('the end, or all of it', Promise.race([slow.ended, slow.arrived(total)]));
        const seen = slow.messages.map((event) => event.data.id);
        assert.deepEqual(
            seen,
            range(0, seen.length).map((n) => `d-${n}`),
        );
        const again = await rowcast.connect();
        assert.equal((await again.subscribe('a', { since: slow.messages.at(-1)?.id ?? id })).recovered, true);
        const rest = await again.events(total - seen.length);
        assert.deepEqual(
            rest.map((event) => event.data.id),
            range(seen.length, total - seen.length).map((n) => `d-${n}`),
        );
        await again.expectNothing();
    });

    it('but asks and asks is not answered without end', async (t) => {
        const rowcast = await serve(t, { env: { ...WORKERS, ROWCAST_MAX_QUEUE: `${LIMIT}` } });
        const other = await rowcast.connect();
        const client = await rowcast.connect();
        client.pause();
        const question = `{"action":"${'q'.repeat(60)}"}`;
        for (let i = 0; i < 30; i++) {
            for (let n = 0; n < 2000; n++) client.send(question);
            await other.expectNothing();
        }
        client.resume(); // it reads again: every answer is there, or it has been closed
        await until(
            'all answers, or the end',
            () => client.isClosed || client.messages.length === 60000,
            () => `${client.messages.length} came`,
        );
        await other.expectNothing();
    });
});

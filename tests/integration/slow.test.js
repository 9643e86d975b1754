// SPDX-License-Identifier: MIT
// Clients that read more slowly than events come (contract section 3.2): they cost the others nothing, they get everything in order
// when they read on, and who falls out of the history is told so.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { describe, it } = require('node:test');
const { until } = require('./lib/expect.js');
const { serve, scriptFolder } = require('./lib/rowcast.js');
const { transaction, trade, discussion, update, market, costs, ids, range } = require('./lib/rows.js');

const BIG = 'x'.repeat(16 * 1024);
const ENV = { ROWCAST_WORKERS: '2', ROWCAST_MAX_QUEUE: '64KiB', ROWCAST_HISTORY: '256MiB', LOG_LEVEL: 'debug' };

async function connectMany(rowcast, count) {
    const clients = [];
    for (let i = 0; i < count; i += 50)
        clients.push(...(await Promise.all(Array.from({ length: Math.min(50, count - i) }, () => rowcast.connect()))));
    return clients;
}

const subscribeAll = (clients, topic) => Promise.all(clients.map((client) => client.subscribe(topic)));

// A stream of large events of one topic, numbered.
class Stream {
    constructor(rowcast, topic) {
        this.rowcast = rowcast;
        this.topic = topic;
        this.count = 0;
    }

    // Feeds some more, and waits until every reader has them, in order.
    async flow(count, readers) {
        const rows = range(this.count, count).map((n) => discussion(this.topic, n, BIG));
        this.count += count;
        this.rowcast.feed(transaction(this.count, ...rows));
        for (const reader of readers) assertNumbered(await reader.events(count), this.count - count);
    }

    // Feeds until so many of those who do not read are slow in the server's eyes.
    async until(slow, readers) {
        while (this.rowcast.lines('client_slow').length < slow) {
            assert.ok(this.count < 5000, `${this.rowcast.lines('client_slow').length} of ${slow} are slow`);
            await this.flow(5, readers);
        }
    }
}

function assertNumbered(events, first) {
    assert.deepEqual(
        events.map(({ data }) => data.id),
        range(first, events.length).map((n) => `d-${n}`),
    );
}

// Bytes of memory the process takes.
function resident(rowcast) {
    const [, pages] = fs.readFileSync(`/proc/${rowcast.child.pid}/statm`, 'latin1').split(' ');
    return Number(pages) * 4096;
}

// One client that is slow in the server's eyes, and one that reads.
async function slowAndFast(t, options = {}) {
    const rowcast = await serve(t, { ...options, env: { ...ENV, ...options.env } });
    const [slow, fast] = await connectMany(rowcast, 2);
    const points = {};
    for (const topic of options.topics ?? ['a']) points[topic] = (await slow.subscribe(topic)).id;
    await fast.subscribe('a');
    slow.pause();
    const stream = new Stream(rowcast, 'a');
    await stream.until(1, [fast]);
    return { rowcast, slow, fast, stream, points };
}

describe('when half of 200 clients stop reading', () => {
    it('the others go on, and the stopped get all of it when they read again', async (t) => {
        const rowcast = await serve(t, { env: { ...ENV, ASAN_OPTIONS: 'quarantine_size_mb=1' } });
        const clients = await connectMany(rowcast, 200);
        await subscribeAll(clients, 'a');
        const stopped = clients.filter((_, i) => i % 2);
        const readers = clients.filter((_, i) => i % 2 === 0);
        const stream = new Stream(rowcast, 'a');
        for (const client of stopped) client.pause();
        await stream.until(stopped.length, readers);
        rowcast.signal('SIGUSR1');
        assert.equal((await rowcast.logged('status')).behind, stopped.length);
        const before = resident(rowcast);
        await stream.flow(100, readers); // one copy of it in the history, none for those who wait: they would be 160 MB
        const grown = resident(rowcast) - before;
        assert.ok(grown < 0.4 * stopped.length * 100 * BIG.length, `it grew by ${grown} bytes`); // sanitizers take some

        for (const client of stopped) client.resume();
        for (const client of stopped) assertNumbered(await client.events(stream.count), 0);
        await stream.flow(5, clients); // and are served live again
        for (const client of clients) await client.expectNothing();
        assert.equal(rowcast.lines('client_lost').length, 0);
        rowcast.signal('SIGUSR1');
        assert.equal((await rowcast.logged('status', {}, 2)).behind, 0);
    });
});

describe('a slow client', () => {
    it('has its commands carried out where it stands in the stream', async (t) => {
        const { rowcast, slow, fast, stream, points } = await slowAndFast(t, { topics: ['a', 'b'] });
        rowcast.feed(transaction(0, trade('b', 1), trade('c', 2)));
        slow.send({ action: 'ping' });
        slow.send({ action: 'unsubscribe', market_id: 'a' });
        slow.send({ action: 'subscribe', market_id: 'c', since: points.b });
        slow.send({ action: 'ping' });
        await stream.flow(20, [fast]);
        slow.resume();
        // How far it is when the ping's turn comes is its own affair; what it is told must be true.
        const events = [];
        let message;
        while ((message = await slow.next()).type !== 'pong') events.push(message);
        assert.deepEqual(ids(events), ids(events).sort());
        const ofA = events.filter(({ market_id }) => market_id === 'a');
        assertNumbered(ofA, 0);
        assert.equal(events.length, ofA.length + 1, 'one of b');
        assert.ok(message.data.id > events.at(-1).id);
        const beyond = await fast.subscribe('a', { since: message.data.id });
        assert.equal(beyond.recovered, true);
        if (ofA.length < stream.count) assertNumbered(await fast.events(stream.count - ofA.length), ofA.length);
        await fast.expectNothing();

        while ((message = await slow.next()).type !== 'market_state')
            assertNumbered([message], ofA.push(message) - 1); // what comes before the confirmation
        assert.match(message.data.message, /^Unsubscribed from market a/);
        assert.equal((await slow.subscribed('c')).recovered, true);
        assert.deepEqual(costs(await slow.events(1)), [2]);
        await slow.expect({ type: 'pong' });
        await stream.flow(5, [fast]);
        await slow.expectNothing();
    });

    it('that falls out of the history is closed with 4100, and told when it comes back', async (t) => {
        const { rowcast, slow, fast, stream, points } = await slowAndFast(t, { env: { ROWCAST_HISTORY: '1MiB' } });
        for (let i = 0; i < 20; i++) await stream.flow(5, [fast]); // more than the history holds, in pieces it holds
        slow.resume();
        await slow.expectClosed(4100);
        assert.ok(slow.messages.length < stream.count);
        assertNumbered(slow.messages, 0);
        const again = await rowcast.connect();
        const { recovered, reason } = await again.subscribe('a', { since: slow.messages.at(-1)?.id ?? points.a });
        assert.deepEqual([recovered, reason], [false, 'expired']);
        await stream.flow(5, [fast, again]);
    });

    it('that reads nothing at all is cut by the heartbeat', async (t) => {
        const { rowcast, slow } = await slowAndFast(t, { env: { ROWCAST_HEARTBEAT: '500ms' } });
        await rowcast.logged('client_disconnected', { client_id: slow.id, code: 1006 });
    });
});

describe('conflate', () => {
    const files = { 'config.lua': 'return { conflate = { "market_state" } }' };
    const state = (n) => update('markets', market('a', { yes_shares: n }), market('a', { yes_shares: n + 1 }));

    it('lets a slow client skip to the newest event of a type, and says so', async (t) => {
        const { rowcast, slow, fast, stream } = await slowAndFast(t, { scripts: scriptFolder(t, { shipped: true, files }) });
        assert.deepEqual((await fast.subscribe('a')).conflate, ['market_state']);
        await stream.flow(50, [fast]); // so that it has to come back for the rest
        rowcast.feed(...range(0, 300).map((n) => transaction(n, state(n), trade('a', n))));
        const all = await fast.events(600);
        slow.resume();
        const seen = await slow.events(stream.count);
        assertNumbered(seen, 0);
        const rest = [];
        while (rest.at(-1)?.id !== all.at(-1).id) rest.push(...(await slow.events(1)));
        assert.deepEqual(
            rest.filter(({ type }) => type === 'trade'),
            all.filter(({ type }) => type === 'trade'),
            'every trade',
        );
        const states = rest.filter(({ type }) => type === 'market_state');
        assert.deepEqual(states.at(-1), all.findLast(({ type }) => type === 'market_state'));
        assert.ok(states.length < 300, `${states.length} states`);
        rowcast.feed(transaction(1, state(1)), transaction(2, state(2)));
        assert.equal((await slow.events(2)).length, 2); // it is not slow any more
    });

    it('never touches what a resume replays', async (t) => {
        const rowcast = await serve(t, { env: ENV, scripts: scriptFolder(t, { shipped: true, files }) });
        const [witness, client] = await connectMany(rowcast, 2);
        const { id } = await witness.subscribe('a');
        rowcast.feed(...range(0, 1500).map((n) => transaction(n, state(n))));
        const all = await witness.events(1500);
        const { recovered, conflate } = await client.subscribe('a', { since: id });
        assert.deepEqual([recovered, conflate], [true, ['market_state']]);
        assert.deepEqual(await client.events(1500), all);
    });

    it('is not spoken of where it is not set', async (t) => {
        const rowcast = await serve(t);
        const client = await rowcast.connect();
        assert.ok(!('conflate' in (await client.subscribe('a'))));
    });
});

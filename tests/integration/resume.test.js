// SPDX-License-Identifier: MIT
// Nothing gets lost (contract section 3.2): what was missed comes when a client resumes, once, in order, or it is told why not.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { until, suite, TIME, ID } = require('./lib/expect.js');
const { serve, scriptFolder } = require('./lib/rowcast.js');
const { transaction, insert, update, remove, market, trade, trades, vote, discussion } = require('./lib/rows.js');
const { ids, costs, range } = require('./lib/rows.js');

// For bursts, which this process reads more slowly than they are sent.
const PATIENT = { env: { ROWCAST_MAX_QUEUE: '64MiB' } };

// A router, and a client that is subscribed to the markets from the beginning: what it sees is what there is.
async function start(t, markets, options = {}) {
    const rowcast = await serve(t, options);
    const witness = await rowcast.connect();
    const points = {};
    for (const name of markets) points[name] = (await witness.subscribe(name)).id;
    return { rowcast, witness, points };
}

// Feeds transactions, and gives the `count` events the witness sees of them.
function happens(rowcast, witness, transactions, count = transactions.length) {
    rowcast.feed(...transactions);
    return witness.events(count);
}

describe('events', () => {
    it('are of four kinds, and carry the commit time of their transaction', async (t) => {
        const { rowcast, witness } = await start(t, ['m']);
        const old = market('m', { yes_shares: 0, no_shares: 0 });
        const now = market('m', { yes_shares: 50, no_shares: 0 });
        const rows = [
            transaction(1, insert('markets', { ...old, state: 'PROPOSED' })),
            transaction(2.5, update('markets', old, now), trade('m', 7)),
            transaction(3, vote('m', 1), vote('m', 2)),
            transaction(4, discussion('m', 1, 'so: "é" 😀\n\u2028')),
            transaction(5, trade('m', 8), trade('elsewhere', 9)),
            transaction(6, remove('markets', now)),
        ];
        const events = await happens(rowcast, witness, rows, 8);
        for (const event of events) assert.ok(ID.test(event.id) && TIME.test(event.timestamp) && event.market_id === 'm');
        assert.deepEqual(ids(events), ids(events).sort(), 'ids ascend bytewise');
        assert.equal(new Set(ids(events)).size, 8);
        const told = events.map(({ type, timestamp, data }) => [type, timestamp.slice(17, 23), data]);

        const price = 1 / (1 + Math.exp(-0.5));
        const shown = (row, yes) => ({ ...row, price_yes: yes, price_no: 1 - yes });
        const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);
        near(told[1][2].market.price_yes, price);
        near(told[1][2].market.price_no, 1 - price);
        near(told[2][2].price_after, price);
        near(told[2][2].price_impact, price - 0.5);
        for (const [at, key] of [
            [1, 'market'],
            [7, 'market'],
        ])
            Object.assign(told[at][2][key], { price_yes: price, price_no: 1 - price });
        Object.assign(told[2][2], { price_after: price, price_impact: price - 0.5 });

        const bought = (number) => ({
            trade_type: 'buy',
            outcome: true,
            shares: '10.5',
            cost: String(number),
            user_wallet: `wallet-${number}`,
            created_at: '2025-11-09T11:59:59.000Z',
        });
        const voted = (number) => ({
            vote_type: 'proposal',
            vote: number === 2,
            user_wallet: `wallet-${number}`,
            created_at: '2025-11-09T11:59:59.000Z',
        });
        const said = {
            id: 'd-1',
            content: 'so: "é" 😀\n\u2028',
            user_wallet: 'wallet-1',
            created_at: '2025-11-09T11:59:59.000Z',
        };
        assert.deepEqual(told, [
            [
                'market_state',
                '01.000',
                {
                    action: 'created',
                    old_state: null,
                    new_state: 'PROPOSED',
                    market: { ...shown(old, 0.5), state: 'PROPOSED' },
                },
            ],
            [
                'market_state',
                '02.500',
                { action: 'updated', old_state: 'ACTIVE', new_state: 'ACTIVE', market: shown(now, price) },
            ],
            ['trade', '02.500', { ...bought(7), price_before: 0.5, price_after: price, price_impact: price - 0.5 }],
            ['vote', '03.000', voted(1)],
            ['vote', '03.000', voted(2)],
            ['discussion', '04.000', said],
            ['trade', '05.000', bought(8)],
            ['market_state', '06.000', { action: 'deleted', old_state: 'ACTIVE', new_state: null, market: shown(now, price) }],
        ]);
    });

    it('that are too large are told by their size', async (t) => {
        const { rowcast, witness } = await start(t, ['m'], { env: { ROWCAST_MAX_EVENT: '1KiB' } });
        const rows = [transaction(1, discussion('m', 1, 'x'.repeat(5000))), transaction(2, discussion('m', 2, 'y'))];
        const [large, small] = await happens(rowcast, witness, rows);
        assert.deepEqual(Object.keys(large).sort(), ['data', 'id', 'market_id', 'timestamp', 'type']);
        assert.equal(large.type, 'discussion');
        assert.deepEqual(Object.keys(large.data), ['too_large']);
        assert.ok(large.data.too_large > 5000 && large.data.too_large < 5600, JSON.stringify(large));
        assert.equal(small.data.content, 'y');
        const again = await rowcast.connect();
        await again.subscribe('m', { since: large.id });
        assert.deepEqual(await again.events(1), [small]);
    });

    it('with several topics reach a subscriber of any of them once', async (t) => {
        const scripts = scriptFolder(t, {
            shipped: true,
            files: {
                'tables/votes.lua': `return { insert = function(new)
                local topics = { new.market_id, "all", "user:" .. new.user_wallet }
                return { type = "vote", topic = topics, market_id = new.market_id, data = {} }
            end }`,
            },
        });
        const { rowcast, witness, points } = await start(t, ['m', 'all', 'user:wallet-1'], { scripts });
        const events = await happens(rowcast, witness, [transaction(1, vote('m', 1)), transaction(2, vote('n', 2))], 2);
        await witness.expectNothing();
        for (const [topic, count] of [
            ['m', 1],
            ['all', 2],
            ['user:wallet-1', 1],
            ['user:wallet-2', 1],
        ]) {
            const client = await rowcast.connect();
            assert.equal((await client.subscribe(topic, { since: points.all })).recovered, true);
            const missed = await client.events(count);
            assert.deepEqual(missed, topic === 'user:wallet-2' ? [events[1]] : events.slice(0, count));
            await client.expectNothing();
        }
    });
});

describe('since', () => {
    it('a confirmation brings all that was missed, then the live events', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a', 'b']);
        await happens(rowcast, witness, [...trades('a', 0, 5), ...trades('b', 5, 5)]);
        const events = [...(await happens(rowcast, witness, trades('a', 10, 5)))];
        const client = await rowcast.connect();
        const confirmation = await client.subscribe('a', { since: points.a });
        assert.equal(confirmation.recovered, true);
        assert.equal(confirmation.id, points.a);
        assert.ok(!('reason' in confirmation));
        const missed = await client.events(10);
        assert.deepEqual(costs(missed), [...range(0, 5), ...range(10, 5)]);
        assert.deepEqual(missed.slice(5), events);
        const live = await happens(rowcast, witness, trades('a', 15, 3));
        assert.deepEqual(await client.events(3), live);
        await client.expectNothing();
    });

    it('an event brings what is behind it', async (t) => {
        const { rowcast, witness } = await start(t, ['a']);
        const events = await happens(
            rowcast,
            witness,
            [transaction(0, trade('a', 0), trade('a', 1), trade('a', 2)), ...trades('a', 3, 3)],
            6,
        );
        for (const [at, { id }] of events.entries()) {
            // also in the midst of a transaction
            const client = await rowcast.connect();
            const { recovered, id: told } = await client.subscribe('a', { since: id });
            assert.deepEqual([recovered, told], [true, id]);
            assert.deepEqual(await client.events(5 - at), events.slice(at + 1));
            await client.expectNothing();
        }
    });

    it('a pong brings what is behind it, of any topic of the connection', async (t) => {
        const { rowcast, witness } = await start(t, ['a', 'b']);
        await happens(rowcast, witness, [...trades('a', 0, 3), ...trades('c', 3, 3), ...trades('b', 6, 3)], 6);
        const point = await witness.expectNothing();
        const events = await happens(rowcast, witness, [...trades('b', 10, 2), ...trades('a', 12, 2)]);
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_ids: ['a', 'b'], since: point });
        assert.equal((await client.subscribed('a')).recovered, true);
        assert.deepEqual(await client.events(2), events.slice(2));
        assert.equal((await client.subscribed('b')).recovered, true);
        assert.deepEqual(await client.events(2), events.slice(0, 2));
        await client.expectNothing();
    });

    it('may be a map: each market gets its confirmation and its missed events, then the next', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a', 'b', 'c']);
        const first = await happens(rowcast, witness, [...trades('b', 0, 2), ...trades('a', 2, 2), ...trades('c', 4, 2)]);
        const second = await happens(rowcast, witness, [...trades('a', 6, 2), ...trades('b', 8, 2)]);
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_ids: ['a', 'b', 'c'], since: { a: first[3].id, b: points.b } });
        assert.equal((await client.subscribed('a')).id, first[3].id);
        assert.deepEqual(await client.events(2), second.slice(0, 2));
        assert.equal((await client.subscribed('b')).id, points.b);
        assert.deepEqual(await client.events(4), [...first.slice(0, 2), ...second.slice(2)]);
        const { recovered, reason } = await client.subscribed('c');
        assert.deepEqual([recovered, reason], [false, undefined]);
        await client.expectNothing();
    });

    it('without events is recovered, too', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a', 'quiet']);
        await happens(rowcast, witness, trades('a', 0, 3));
        const client = await rowcast.connect();
        const { recovered, id } = await client.subscribe('quiet', { since: points.quiet });
        assert.deepEqual([recovered, id], [true, points.quiet]);
        await client.expectNothing();
        assert.equal(
            (await client.subscribe('new', { since: points.a })).recovered,
            true,
            'a topic nobody has asked for before',
        );
    });

    it('of a client that is subscribed already brings them again', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a']);
        const events = await happens(rowcast, witness, trades('a', 0, 3));
        assert.equal((await witness.subscribe('a', { since: points.a })).recovered, true);
        assert.deepEqual(await witness.events(3), events);
        const live = await happens(rowcast, witness, trades('a', 3, 1));
        assert.deepEqual(costs(live), [3]);
        await witness.expectNothing();
    });

    it('brings what came while one had unsubscribed', async (t) => {
        const { rowcast, witness } = await start(t, ['a']);
        const client = await rowcast.connect();
        await client.subscribe('a');
        const [{ id }] = await happens(rowcast, witness, trades('a', 0, 1));
        await client.events(1);
        client.send({ action: 'unsubscribe', market_id: 'a' });
        await client.expect({ data: { message: 'Unsubscribed from market a' } });
        const missed = await happens(rowcast, witness, trades('a', 1, 4));
        await client.expectNothing();
        assert.equal((await client.subscribe('a', { since: id })).recovered, true);
        assert.deepEqual(await client.events(4), missed);
    });

    it('may be the id of another topic, or a position between events', async (t) => {
        const { rowcast, witness } = await start(t, ['a', 'b']);
        const rows = [...trades('a', 0, 2), ...trades('b', 2, 2), transaction(9, trade('a', 4), trade('a', 5)), ...trades('b', 6, 1)];
        const events = await happens(rowcast, witness, rows, 7);
        const positions = events.map(({ id }) => id.replace(/-[0-9a-f]{8}-[0-9a-f]{4}$/, '-ffffffff-ffff')); // behind the transaction
        const behind = (known, point) => known.filter(({ id, market_id }) => market_id === 'a' && id > point);
        for (const since of [...ids(events), ...positions]) {
            const client = await rowcast.connect();
            assert.equal((await client.subscribe('a', { since })).recovered, true);
            const missed = behind(events, since);
            assert.deepEqual(await client.events(missed.length), missed);
            await client.expectNothing();
        }
    });

    it('across reconnects gives every event once, in order', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a', 'b']);
        const total = 600;
        const seen = { a: [], b: [] };
        const last = { ...points };
        let fed = 0;
        for (let round = 0; seen.a.length + seen.b.length < total; round++) {
            const client = await rowcast.connect({ plain: true });
            client.send({ action: 'subscribe', market_ids: ['a', 'b'], since: last });
            for (const end = Math.min(total, fed + 40); fed < end; fed++) rowcast.feed(...trades(fed % 3 ? 'a' : 'b', fed, 1));
            // Cut after some messages, wherever that is: among confirmations, missed events or live ones.
            const taken = 1 + ((round * 7) % 41);
            for (let i = 0; i < taken; i++) {
                const message = JSON.parse(await client.next());
                if (message.type === 'trade') {
                    seen[message.market_id].push(message);
                    last[message.market_id] = message.id;
                } else if (message.type === 'market_state') {
                    assert.equal(message.data.recovered, true, JSON.stringify(message));
                } else {
                    assert.equal(message.type, 'welcome');
                }
                if (seen.a.length + seen.b.length === fed) break; // nothing more will come
            }
            client.terminate();
        }
        const all = await witness.events(total);
        for (const name of ['a', 'b'])
            assert.deepEqual(
                seen[name],
                all.filter((event) => event.market_id === name),
            );
    });
});

describe('a confirmation', () => {
    it('names the position behind which every event comes', async (t) => {
        const { rowcast, witness } = await start(t, ['a'], PATIENT);
        const total = 3000;
        const clients = [];
        for (let i = 0; i < 30; i++) clients.push(await rowcast.connect());
        const feeding = (async () => {
            for (let i = 0; i < total; i += 20) {
                rowcast.feed(...trades('a', i, 20));
                await new Promise(setImmediate);
            }
        })();
        const points = [];
        for (const client of clients) {
            points.push((await client.subscribe('a')).id);
            client.send({ action: 'ping' }); // resume points in the midst of the stream
        }
        await feeding;
        const all = await witness.events(total);
        assert.deepEqual(costs(all), range(0, total));
        const resumed = await rowcast.connect();
        for (const [i, client] of clients.entries()) {
            const expected = all.filter((event) => event.id > points[i]);
            await client.arrived(expected.length + 1);
            const at = client.messages.findIndex((message) => message.type === 'pong');
            const [pong] = client.messages.splice(at, 1);
            assert.deepEqual(ids(await client.events(expected.length)), ids(expected), `of client ${i}`);
            await client.expectNothing();

            // What came before the pong is what is not behind its id; the rest follows on a resume from it.
            assert.deepEqual(ids(expected.slice(at)), ids(all.filter((event) => event.id > pong.data.id)));
            if (i % 6 === 0) {
                assert.equal((await resumed.subscribe('a', { since: pong.data.id })).recovered, true);
                assert.deepEqual(ids(await resumed.events(expected.length - at)), ids(expected.slice(at)));
            }
        }
        await resumed.expectNothing();
    });

    it('that one has unsubscribed is the last that is heard of a topic', async (t) => {
        const { rowcast } = await start(t, []);
        const client = await rowcast.connect();
        for (let i = 0; i < 30; i++) {
            client.send({ action: 'subscribe', market_id: 'a' });
            rowcast.feed(...trades('a', i * 20, 20));
            client.send({ action: 'unsubscribe', market_id: 'a' });
            await client.subscribed('a');
            for (let message; (message = await client.next()).type !== 'market_state';) assert.equal(message.type, 'trade');
        }
        await client.expectNothing();
    });
});

describe('what cannot be recovered', () => {
    const owner = suite();
    let rowcast, witness, events;
    before(async () => {
        ({ rowcast, witness } = await start(owner, ['a']));
        events = await happens(rowcast, witness, trades('a', 0, 3));
    });

    async function refused(since, reason) {
        const client = await rowcast.connect();
        const confirmation = await client.subscribe('a', { since });
        assert.deepEqual([confirmation.recovered, confirmation.reason], [false, reason], JSON.stringify(since));
        assert.equal(confirmation.id, await witness.expectNothing(), 'it starts live, at the position of now');
        const live = await happens(rowcast, witness, trades('a', 10, 2));
        assert.deepEqual(await client.events(2), live);
        await client.expectNothing();
    }

    it('is what is no id', async () => {
        const { id } = events[2];
        const texts = [
            '',
            ' ',
            'yesterday',
            '0',
            '-',
            'x'.repeat(64),
            'x'.repeat(10000),
            '0/16B3748',
            '"',
            '\u0000',
            'é',
            '../../etc/passwd',
        ];
        for (const text of [
            ...texts,
            `${id}0`,
            id.slice(0, -1),
            id.toUpperCase() === id ? `${id} ` : id.toUpperCase(),
            ` ${id}`,
            id.replace(/-/g, '_'),
        ])
            await refused(text, 'unknown_id');
    });

    it('is an id of another stream, or of a timeline that this one never had', async () => {
        for (const { id } of [events[0], events[2]]) {
            await refused(id.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), 'stream_reset');
            await refused(id.replace(/-[0-9a-f]{8}-/, '-00000007-'), 'stream_reset');
        }
    });

    it('is an id from before the stream began', async () => {
        await refused(events[0].id.replace(/-[0-9a-f]{16}-/, '-0000000000000000-').replace(/-[0-9a-f]{4}$/, '-0000'), 'expired');
    });

    it('is an id right ahead of the newest', async () => {
        const { id } = (await happens(rowcast, witness, trades('a', 20, 1)))[0];
        const next = (BigInt(`0x${id.split('-')[2]}`) + 1n).toString(16).padStart(16, '0');
        await refused(id.replace(/-[0-9a-f]{16}-/, `-${next}-`), 'unknown_id');
    });

    it('is an id that is ahead of the stream', async () => {
        // Of the same stream, made by another router that has read on.
        const ahead = await start(owner, ['a']);
        const many = await happens(ahead.rowcast, ahead.witness, trades('a', 0, 200));
        assert.deepEqual(ids(many.slice(0, 3)), ids(events), 'the same rows have the same ids everywhere');
        await refused(many[199].id, 'unknown_id');
    });
});

describe('the history', () => {
    const noise = (first, count) => trades('noise', first, count);

    it('forgets beyond its bytes, and says so', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a', 'noise', 'quiet'], { env: { ROWCAST_HISTORY: '64KiB' } });
        const [first, second] = await happens(rowcast, witness, trades('a', 0, 2));
        const events = await happens(rowcast, witness, noise(10, 1000));
        const client = await rowcast.connect();

        const asked = async (topic, since) => {
            const { recovered, reason, id } = await client.subscribe(topic, { since });
            assert.equal(reason !== undefined, !recovered);
            if (recovered) assert.equal(id, since);
            return recovered || reason;
        };
        assert.equal(await asked('a', points.a), 'expired');
        assert.equal(await asked('a', first.id), 'expired');
        assert.equal(await asked('a', second.id), true, 'nothing behind it was dropped');
        assert.equal(await asked('quiet', points.quiet), true, 'nothing of it was dropped');
        assert.equal(await asked('quiet', points.noise), true);
        assert.equal(await asked('noise', points.noise), 'expired');
        assert.equal(await asked('noise', events[500].id), 'expired');
        await client.expectNothing();

        assert.equal(await asked('noise', events[949].id), true);
        assert.deepEqual(await client.events(50), events.slice(950));
        const live = await happens(rowcast, witness, noise(2000, 1));
        assert.deepEqual(await client.events(1), live);
        await client.expectNothing();
    });

    it('has an edge on which no event is lost or invented', async (t) => {
        const { rowcast, witness } = await start(t, ['noise'], { env: { ROWCAST_HISTORY: '64KiB' } });
        const events = await happens(rowcast, witness, noise(0, 400));
        let recovered = 0;
        for (let at = 399; at >= 0; at -= 3) {
            const client = await rowcast.connect();
            const answer = await client.subscribe('noise', { since: events[at].id });
            if (answer.recovered) {
                assert.equal(recovered, Math.floor((399 - at) / 3), 'what is newer is recovered, too');
                recovered++;
                assert.deepEqual(ids(await client.events(399 - at)), ids(events.slice(at + 1)));
            } else {
                assert.equal(answer.reason, 'expired');
            }
            await client.expectNothing();
            await client.close(1000);
        }
        assert.ok(recovered > 10 && recovered < 133, `${recovered * 3} of 400 events are in 64 KiB`);
    });

    it('forgets what is older than its time', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a'], { env: { ROWCAST_HISTORY_TIME: '1s' } });
        const [event] = await happens(rowcast, witness, trades('a', 0, 1));
        await until('it is forgotten', async () => {
            const client = await rowcast.connect();
            const { recovered, reason } = await client.subscribe('a', { since: points.a });
            if (recovered) assert.deepEqual(await client.events(1), [event]);
            else assert.equal(reason, 'expired');
            await client.expectNothing();
            await client.close(1000);
            return !recovered;
        });
        assert.equal((await witness.subscribe('a', { since: event.id })).recovered, true);
    });

    it('gives a client that was cut what it missed, also a lot', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a'], PATIENT);
        const events = await happens(rowcast, witness, trades('a', 0, 20000));
        const client = await rowcast.connect();
        assert.equal((await client.subscribe('a', { since: points.a })).recovered, true);
        rowcast.feed(...trades('a', 20000, 100));
        assert.deepEqual(ids(await client.events(20000)), ids(events));
        assert.deepEqual(await client.events(100), await witness.events(100));
        await client.expectNothing();
    });
});

describe('the choice of events', () => {
    const mixed = (first) => [
        transaction(first, trade('a', first), vote('a', first), discussion('a', first)),
        transaction(first + 1, vote('a', first + 1), insert('markets', market('a'))),
        transaction(first + 2, trade('a', first + 2)),
    ];
    const types = (events) => events.map((event) => event.type);

    it('holds live and for what was missed', async (t) => {
        const { rowcast, witness, points } = await start(t, ['a']);
        const client = await rowcast.connect();
        await client.subscribe('a', { events: ['trade', 'vote'] });
        const wanted = (events) => events.filter(({ type }) => ['trade', 'vote'].includes(type));
        const first = await happens(rowcast, witness, mixed(0), 6);
        assert.deepEqual(await client.events(4), wanted(first));
        await client.expectNothing();

        const again = await rowcast.connect();
        assert.equal((await again.subscribe('a', { since: points.a, events: ['vote', 'trade'] })).recovered, true);
        assert.deepEqual(await again.events(4), wanted(first));
        const second = await happens(rowcast, witness, mixed(10), 6);
        assert.deepEqual(await again.events(4), wanted(second));
        assert.deepEqual(await client.events(4), wanted(second));
        await again.expectNothing();
    });

    it('is replaced by subscribing again', async (t) => {
        const { rowcast, witness } = await start(t, ['a']);
        const client = await rowcast.connect();
        for (const [events, expected] of [
            [['discussion'], ['discussion']],
            [['market_state'], ['market_state']],
            [undefined, ['trade', 'vote', 'discussion', 'vote', 'market_state', 'trade']],
            [
                ['nothing', 'trade'],
                ['trade', 'trade'],
            ],
            [['nothing'], []],
        ]) {
            await client.subscribe('a', { events });
            await happens(rowcast, witness, mixed(0), 6);
            assert.deepEqual(types(await client.events(expected.length)), expected);
            await client.expectNothing();
        }
    });

    it("is each client's own, and each topic's", async (t) => {
        const { rowcast, witness } = await start(t, ['a', 'b']);
        const [one, other] = [await rowcast.connect(), await rowcast.connect()];
        await one.subscribe('a', { events: ['vote'] });
        await one.subscribe('b', { events: ['trade'] });
        await other.subscribe('a');
        await happens(rowcast, witness, [transaction(0, trade('a', 1), vote('b', 2), vote('a', 3), trade('b', 4))], 4);
        assert.deepEqual(
            (await one.events(2)).map((event) => event.market_id + event.type),
            ['avote', 'btrade'],
        );
        assert.deepEqual(types(await other.events(2)), ['trade', 'vote']);
        await one.expectNothing();
        await other.expectNothing();
    });
});

describe('ids', () => {
    it('are the same for every client, and in every router that reads the same rows', async (t) => {
        const rows = [...trades('a', 0, 3), transaction(9, trade('a', 5), vote('a', 6), trade('a', 7)), ...trades('a', 20, 3)];
        const seen = [];
        for (const env of [{}, { ROWCAST_WORKERS: '1', TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8' }]) {
            const { rowcast, witness } = await start(t, ['a'], { env });
            const other = await rowcast.connect();
            await other.subscribe('a');
            const events = await happens(rowcast, witness, rows, 9);
            assert.deepEqual(await other.events(9), events);
            seen.push(events);
        }
        assert.deepEqual(seen[0], seen[1]);
    });

    it('of recorded rows depend on lsn or line number alone', async (t) => {
        const plain = [transaction(1, trade('a', 1)), transaction(2, trade('a', 2), trade('a', 3))];
        const dressed = plain.map((row, i) => ({ ...row, xid: 700 + i, time: '2024-01-01T00:00:00.000Z' }));
        const seen = [];
        for (const rows of [plain, dressed]) {
            const { rowcast, witness } = await start(t, ['a']);
            seen.push(ids(await happens(rowcast, witness, rows, 3)));
        }
        assert.deepEqual(seen[0], seen[1]);
    });
});

// SPDX-License-Identifier: MIT
// Everybody comes back at once: each of them gets what it missed, and the stream goes on for those who stayed.
// ROWCAST_TEST_STORM=10000 makes a larger one; tests/run --long does.
'use strict';

const assert = require('node:assert/strict');
const { it } = require('node:test');
const { inTime } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { WebSocket } = require('./lib/client.js');
const { transaction, trade, range } = require('./lib/rows.js');

const CLIENTS = Number(process.env.ROWCAST_TEST_STORM || 2000);
const MARKETS = 50; // each client has five of them
const MISSED = 10; // in each market
const SECONDS = 60 + CLIENTS / 50;

// One that comes back: connects, resumes, and counts until it has all it missed. Light, for there are many.
class Returning {
    constructor(url, markets, since, missed) {
        this.markets = [...markets];
        this.missed = missed; // ids by market
        this.done = new Promise((resolve, reject) => {
            this.socket = new WebSocket(url, { perMessageDeflate: false });
            this.socket.on('open', () => this.socket.send(JSON.stringify({ action: 'subscribe', market_ids: markets, since })));
            this.socket.on('error', reject);
            this.socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
            this.socket.on('message', (bytes) => {
                try {
                    if (this.take(JSON.parse(bytes))) resolve();
                } catch (error) {
                    reject(error);
                }
            });
        });
        this.done.catch(() => {});
    }

    // Confirmation, missed events, the next confirmation. True: that was all.
    take({ type, market_id, id, data }) {
        if (type === 'welcome') return false;
        if (id === undefined) {
            assert.equal(this.owed?.length ?? 0, 0, 'a confirmation before all was there');
            assert.equal(market_id, this.markets.shift());
            assert.equal(data.recovered, true);
            this.owed = [...this.missed[market_id]];
            this.now = market_id;
        } else {
            assert.equal(market_id, this.now);
            assert.equal(id, this.owed.shift());
        }
        return this.markets.length === 0 && this.owed.length === 0;
    }
}

it(`${CLIENTS} clients that come back at once are all recovered, and the stream goes on`, async (t) => {
    const rowcast = await serve(t, { env: { ROWCAST_MAX_CONNECTIONS: String(CLIENTS + 100) } });
    const [witness, ...staying] = await Promise.all(range(0, 11).map(() => rowcast.connect()));
    const markets = range(0, MARKETS).map((n) => `market-${n}`);
    witness.send({ action: 'subscribe', market_ids: markets });
    let since;
    for (const market of markets) since = (await witness.subscribed(market)).id;
    rowcast.feed(...range(0, MISSED).map((n) => transaction(n, ...markets.map((market) => trade(market, n)))));
    const missed = Object.fromEntries(markets.map((market) => [market, []]));
    for (const event of await witness.events(MISSED * MARKETS)) missed[event.market_id].push(event.id);

    await Promise.all(staying.map((client) => client.subscribe('live')));
    let fed = 0;
    const happens = () => rowcast.feed(transaction(fed, trade('live', fed++)));
    const returning = range(0, CLIENTS).map((n) => {
        const mine = range(0, 5).map((i) => markets[(n + 7 * i) % MARKETS]);
        return new Returning(rowcast.url, mine, since, missed);
    });
    for (const [n, { done }] of returning.entries()) if (n % 10 === 0) done.then(happens, () => {});
    try {
        await inTime('the recovery of all', Promise.all(returning.map(({ done }) => done)), undefined, SECONDS);
    } finally {
        for (const { socket } of returning) socket.terminate();
    }
    for (const client of staying) {
        const events = await client.events(fed);
        assert.deepEqual(
            events.map(({ data }) => data.cost),
            range(0, fed).map(String),
        );
    }
    t.diagnostic(`${CLIENTS * 5 * MISSED} missed events given while ${fed} live ones went on`);
});

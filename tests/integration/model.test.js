// SPDX-License-Identifier: MIT
// Clients that do anything, in any order, for some time: what each of them saw is held against a model of the promise, which is
// that behind the position of a confirmation every event of the topic comes, once, in order.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { serve } = require('./lib/rowcast.js');
const { transaction, trade, vote, discussion } = require('./lib/rows.js');

const TOPICS = ['a', 'b', 'c', 'd', 'e'];
const KINDS = {
    trade: (topic, n, padding) => trade(topic, n, { user_wallet: `wallet-${n}${padding}` }),
    vote: (topic, n) => vote(topic, n),
    discussion: (topic, n, padding) => discussion(topic, n, `${n}${padding}`),
};
const FILTERS = [undefined, undefined, ['trade'], ['vote', 'discussion'], ['nothing'], ['trade', 'vote', 'discussion']];

// A small generator of random numbers (mulberry32): the same seed tells the same story.
function dice(seed) {
    const roll = () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const upTo = (count) => Math.floor(roll() * count);
    return { upTo, of: (list) => list[upTo(list.length)], chance: (percent) => roll() * 100 < percent };
}

// --- The model: one connection's view ---

// Reads what a connection saw, against all events there were by topic.
class View {
    constructor(events, asked, mayExpire) {
        this.events = events;
        this.asked = [...asked]; // the subscribes not yet confirmed: { filter, since }
        this.mayExpire = mayExpire;
        this.topics = new Map(); // those subscribed: { filter, position }
        this.expired = 0;
        this.recovered = 0;
    }

    // The next event that this topic owes, if any.
    due(topic) {
        const { filter, position } = this.topics.get(topic);
        const wanted = ({ id, type }) => id > position && (filter === undefined || filter.includes(type));
        return this.events[topic].find(wanted);
    }

    // Everything of the topic up to this id has come.
    settled(topic, id, when) {
        const missing = this.due(topic);
        assert.ok(!missing || missing.id > id, `${when}: ${JSON.stringify(missing)} has not come`);
    }

    see(message) {
        const { type, market_id: topic, id, data } = message;
        if (id !== undefined) this.seeEvent(topic, message);
        else if (type === 'pong') this.seePong(data.id);
        else if (type === 'market_state' && data.message.startsWith('Subscribed')) this.seeSubscribed(topic, data);
        else if (type === 'market_state' && data.message.startsWith('Unsubscribed')) this.topics.delete(topic);
        else assert.equal(type, 'welcome', JSON.stringify(message));
    }

    seeEvent(topic, event) {
        assert.ok(this.topics.has(topic), `not subscribed to ${topic}: ${JSON.stringify(event)}`);
        assert.deepEqual(event, this.due(topic), `the next event of ${topic} is another one`);
        this.topics.get(topic).position = event.id;
    }

    seePong(id) {
        for (const topic of this.topics.keys()) this.settled(topic, id, `at the pong ${id}`);
    }

    seeSubscribed(topic, { id, recovered, reason }) {
        const { filter, since } = this.asked.shift();
        if (since === undefined) assert.deepEqual([recovered, reason], [false, undefined]);
        else if (recovered) assert.equal(id, since);
        else assert.ok(this.mayExpire && reason === 'expired', `${since} is not recovered: ${reason}`);
        if (reason) this.expired++;
        if (recovered) this.recovered++;
        if (this.topics.has(topic) && !recovered) this.settled(topic, id, `at the confirmation ${id}`);
        this.topics.set(topic, { filter, position: id });
    }
}

// --- The story ---

// A client of the story: sends, and keeps all it sent and saw for the model, connection by connection.
class Actor {
    constructor(rowcast, random, lazy) {
        this.rowcast = rowcast;
        this.random = random;
        this.lazy = lazy; // stops reading now and then
        this.connections = []; // { client, asked, seen, confirmed }
        this.points = {}; // to resume from: what it knows itself
    }

    async connect() {
        const client = await this.rowcast.connect();
        this.now = { client, asked: [], seen: [], confirmed: new Set() };
        this.connections.push(this.now);
    }

    // Takes what has come so far.
    read() {
        for (const message of this.now.client.messages.splice(0)) {
            this.now.seen.push(message);
            const point = message.id ?? message.data.id;
            if (message.type === 'pong') for (const topic of this.now.confirmed) this.points[topic] = point;
            else if (point !== undefined) this.points[message.market_id] = point;
            if (message.data.message?.startsWith('Subscribed')) this.now.confirmed.add(message.market_id);
            if (message.data.message?.startsWith('Unsubscribed')) this.now.confirmed.delete(message.market_id);
        }
    }

    async act() {
        const { random } = this;
        this.read();
        const move = random.upTo(100);
        if (move < 45) {
            const market_ids = TOPICS.filter(() => random.chance(35));
            const events = random.of(FILTERS);
            const since = {};
            for (const topic of market_ids) if (this.points[topic] && random.chance(75)) since[topic] = this.points[topic];
            if (market_ids.length === 0) return;
            for (const topic of market_ids) this.now.asked.push({ filter: events, since: since[topic] });
            this.now.client.send({ action: 'subscribe', market_ids, since, events });
        } else if (move < 60) {
            this.now.client.send({ action: 'unsubscribe', market_id: random.of(TOPICS) });
        } else if (move < 80) {
            this.now.client.send({ action: 'ping' });
        } else if (move < 90) {
            this.now.client.terminate();
            await this.connect();
        } else if (this.lazy) {
            if (move < 97) this.now.client.pause();
            else this.now.client.resume();
        }
    }

    // Waits until all has come, and holds it against the model.
    async judge(events, mayExpire) {
        this.now.client.resume();
        this.now.client.send({ action: 'ping' });
        this.now.client.send({ action: 'end' });
        for (let message; (message = await this.now.client.next()).type !== 'error'; ) this.now.seen.push(message);
        const total = { expired: 0, recovered: 0 };
        for (const { client, asked, seen } of this.connections) {
            const view = new View(events, asked, mayExpire);
            try {
                for (const message of seen) view.see(message);
            } catch (error) {
                error.message += `\n${client.transcript}`;
                throw error;
            }
            total.expired += view.expired;
            total.recovered += view.recovered;
        }
        return total;
    }
}

async function play(t, seed, env, { mayExpire = false, lazy = false, padding = '' } = {}) {
    const random = dice(seed);
    const rowcast = await serve(t, { env: { ROWCAST_MAX_QUEUE: '64MiB', LOG_LEVEL: 'debug', ...env } });
    await rowcast.logged('source_started');
    const witness = await rowcast.connect();
    for (const topic of TOPICS) await witness.subscribe(topic);
    const actors = Array.from({ length: 12 }, () => new Actor(rowcast, random, lazy));
    for (const actor of actors) await actor.connect();

    let count = 0;
    for (let step = 0; step < 600; step++) {
        await random.of(actors).act();
        if (random.chance(40)) {
            const changes = Array.from({ length: 1 + random.upTo(8) }, () => {
                return KINDS[random.of(Object.keys(KINDS))](random.of(TOPICS), count++, padding);
            });
            rowcast.feed(transaction(step, ...changes));
        }
        if (random.chance(10)) await new Promise(setImmediate); // let some of it come
        if (random.chance(2)) rowcast.signal('SIGHUP');
    }
    const all = await witness.events(count);
    const events = Object.fromEntries(TOPICS.map((topic) => [topic, all.filter((event) => event.market_id === topic)]));
    const total = { expired: 0, recovered: 0 };
    for (const actor of actors) {
        const { expired, recovered } = await actor.judge(events, mayExpire);
        total.expired += expired;
        total.recovered += recovered;
    }
    return { ...total, slow: rowcast.lines('client_slow').length };
}

describe('clients that do anything', () => {
    const first = Number(process.env.ROWCAST_TEST_SEED || 1); // for other stories

    for (const seed of [first, first + 1, first + 2]) {
        it(`miss nothing: seed ${seed}`, async (t) => {
            const { expired, recovered } = await play(t, seed, {});
            assert.equal(expired, 0);
            assert.ok(recovered > 50, `${recovered} resumes are no story`);
        });
    }

    // Queues of a few events, and texts that fill what the kernel keeps for a socket.
    for (const seed of [first, first + 1]) {
        it(`and stop reading now and then miss nothing: seed ${seed}`, async (t) => {
            const env = { ROWCAST_MAX_QUEUE: '4KiB', ROWCAST_HISTORY: '256MiB' };
            const { recovered, slow } = await play(t, seed, env, { lazy: true, padding: 'x'.repeat(60000) });
            assert.ok(recovered > 50 && slow > 0, `${recovered} resumes and ${slow} times slow are no story`);
        });
    }

    it(`are told what is no longer known: seed ${first}`, async (t) => {
        const { expired, recovered } = await play(t, first, { ROWCAST_HISTORY: '64KiB' }, { mayExpire: true });
        assert.ok(expired > 0 && recovered > 0, `${expired} resumes had expired, ${recovered} not`);
    });
});

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: DATABASE_URL=postgresql://... node check.js URL

Does rowcast at URL (ws://...) keep its promises? Subscribes to five markets, lets simulate.js trade in the database, is
cut off, misses some events, resumes, and compares what arrived with the rows. Needs a database without markets.

Exit status: 0 all of it arrived, once and in order; 1 something is wrong, and which; 2 wrong usage.
`;

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Psql } = require('../lib/psql.js');
module.paths.push('/usr/share/nodejs'); // where Debian's package node-ws puts it
const WebSocket = require('ws');

const MARKETS = ['market-101', 'market-102', 'market-103', 'market-104', 'market-105'];
const KINDS = ['market_state', 'trade', 'vote', 'discussion'];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PRECISE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z$/;
const ID = /^[A-Za-z0-9._-]{1,64}$/;

const events = new Map(MARKETS.map((market) => [market, []])); // in the order of arrival
const all = (kind) => [...events.values()].flat().filter((event) => event.type === kind);
const newest = (market) => events.get(market).at(-1)?.id;

async function until(condition, seconds, complaint) {
    for (const end = Date.now() + seconds * 1000; !(await condition()); await sleep(20))
        if (Date.now() > end) throw new Error(typeof complaint === 'function' ? complaint() : complaint);
}

// --- What a message has to look like ---

const price = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const near = (a, b) => Math.abs(a - b) < 1e-9;
const text = (value) => typeof value === 'string' && value !== '';

const shapes = {
    market_state: ({ action, old_state, new_state, market }) => ({
        action: ['created', 'updated', 'deleted'].includes(action),
        old_state: action === 'created' ? old_state === null : text(old_state),
        new_state: action === 'deleted' ? new_state === null : new_state === market.state,
        market: text(market.id) && text(market.question) && Number.isInteger(market.yes_shares),
        'market.price_yes': price(market.price_yes) && near(market.price_yes + market.price_no, 1),
    }),
    trade: (data) => ({
        trade_type: ['buy', 'sell'].includes(data.trade_type),
        outcome: typeof data.outcome === 'boolean',
        shares: text(data.shares),
        cost: text(data.cost),
        user_wallet: text(data.user_wallet),
        created_at: PRECISE_TIME.test(data.created_at),
        price_before: price(data.price_before),
        price_after: price(data.price_after),
        price_impact: near(data.price_impact, data.price_after - data.price_before),
    }),
    vote: (data) => ({
        vote_type: ['proposal', 'dispute'].includes(data.vote_type),
        vote: typeof data.vote === 'boolean',
        user_wallet: text(data.user_wallet),
        created_at: PRECISE_TIME.test(data.created_at),
    }),
    discussion: (data) => ({
        id: text(data.id),
        content: text(data.content),
        user_wallet: text(data.user_wallet),
        created_at: PRECISE_TIME.test(data.created_at),
    }),
};

function examine(event) {
    const shape = { id: ID.test(event.id), timestamp: TIME.test(event.timestamp), ...shapes[event.type](event.data) };
    const wrong = Object.keys(shape).filter((key) => !shape[key]);
    assert.equal(wrong.length, 0, `${wrong.join(', ')} of this ${event.type} is wrong: ${JSON.stringify(event)}`);
}

// --- A connection ---

class Client {
    constructor(url) {
        this.replies = []; // messages that are not events
        this.socket = new WebSocket(url);
        this.socket.on('error', (error) => (this.failure = error));
        this.socket.on('message', (bytes) => {
            const message = JSON.parse(bytes);
            if (message.id === undefined) this.replies.push(message);
            else events.get(message.market_id).push(message);
        });
    }

    async reply(what) {
        await until(() => this.failure || this.replies.length > 0, 10, `no ${what} came within 10 s`);
        if (this.failure) throw new Error(`no connection: ${this.failure.message}`);
        return this.replies.shift();
    }

    async welcome() {
        const { type, timestamp, data } = await this.reply('welcome');
        assert.equal(type, 'welcome', 'the first message is not a welcome');
        assert.match(timestamp, TIME);
        assert.match(data.client_id, /^client_\d+_[0-9a-z]{9}$/, 'client_id of the welcome is wrong');
        assert.equal(data.message, 'Connected to ZMART WebSocket server', 'message of the welcome is wrong');
    }

    async subscribe(market, since) {
        this.socket.send(JSON.stringify({ action: 'subscribe', market_id: market, since }));
        const reply = await this.reply(`confirmation of ${market}`);
        const told = JSON.stringify(reply);
        assert.equal(reply.type, 'market_state', `this is no confirmation of subscribe: ${told}`);
        assert.equal(reply.market_id, market, `this is the confirmation of another market than ${market}: ${told}`);
        assert.equal(reply.data.message, `Subscribed to market ${market}`);
        assert.ok(reply.data.subscriptions.includes(market), `subscriptions miss ${market}: ${told}`);
        assert.match(reply.data.id, ID, `the confirmation has no resume point: ${told}`);
        assert.equal(reply.data.recovered, since !== undefined, `recovered is wrong: ${told}`);
        if (since !== undefined) assert.equal(reply.data.id, since, `not resumed where it was asked for: ${told}`);
        return reply.data.id;
    }
}

// --- What the database says ---

const MICROSECONDS = `to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const ROWS = {
    trade: `select json_build_array(market_id, trade_type, outcome, shares::text, cost::text, user_wallet, ${MICROSECONDS})
        from trades order by id`,
    vote: `select json_build_array(market_id, vote_type, vote, user_wallet, ${MICROSECONDS}) from votes order by id`,
    discussion: `select json_build_array(market_id, id, content, user_wallet, ${MICROSECONDS})
        from discussions order by created_at`,
};

const precise = (time) => time.replace(/\.(\d{3})Z$/, '.$1000Z');
const AS_ROW = {
    trade: ({ market_id, data: d }) =>
        [market_id, d.trade_type, d.outcome, d.shares, d.cost, d.user_wallet, precise(d.created_at)],
    vote: ({ market_id, data: d }) => [market_id, d.vote_type, d.vote, d.user_wallet, precise(d.created_at)],
    discussion: ({ market_id, data: d }) => [market_id, d.id, d.content, d.user_wallet, precise(d.created_at)],
};

// What is wrong with the events of this kind and market, seen beside the rows; nothing: undefined.
async function difference(database, kind) {
    const rows = (await database.ask(ROWS[kind])).map(JSON.parse);
    for (const market of MARKETS) {
        const expected = rows.filter(([id]) => id === market).map((row) => JSON.stringify(row));
        const arrived = events.get(market).filter((event) => event.type === kind).map((e) => JSON.stringify(AS_ROW[kind](e)));
        const missing = expected.filter((row) => !arrived.includes(row));
        const repeated = arrived.filter((row, at) => arrived.indexOf(row) !== at);
        if (missing.length > 0) return `${missing.length} ${kind} events of ${market} are missing, first ${missing[0]}`;
        if (repeated.length > 0) return `${kind} events of ${market} came twice, first ${repeated[0]}`;
        if (arrived.join() !== expected.join()) return `${kind} events of ${market} are not those of the rows, in their order`;
    }
    return undefined;
}

// The states and prices of each market form a chain without a gap, which ends where the row is now.
async function examineChains(database) {
    for (const market of MARKETS) {
        let state = null;
        let last = { price_yes: 0.5 };
        let before;
        let id = '';
        for (const event of events.get(market)) {
            assert.ok(event.id > id, `the ids of ${market} do not ascend: ${id}, ${event.id}`);
            id = event.id;
            if (event.type === 'market_state') {
                assert.equal(event.data.old_state, state, `a state of ${market} is missing before ${JSON.stringify(event)}`);
                before = last.price_yes;
                state = event.data.new_state;
                last = event.data.market;
            } else if (event.type === 'trade') {
                const { price_before, price_after } = event.data;
                assert.ok(near(price_before, before), `price_before does not join the last price: ${JSON.stringify(event)}`);
                assert.ok(near(price_after, last.price_yes), `price_after is not the market's: ${JSON.stringify(event)}`);
            }
        }
        const [row] = await database.ask(`select state, yes_shares, no_shares from markets where id = '${market}'`);
        assert.equal(`${state}|${last.yes_shares}|${last.no_shares}`, row, `the newest state of ${market} did not arrive`);
    }
}

// --- The story ---

async function check(url, database) {
    const [others] = await database.ask('select count(*) from markets');
    assert.equal(others, '0', 'the database has markets already; this check needs one without');
    const rowCount = async () =>
        Number((await database.ask('select (select count(*) from trades) + (select count(*) from votes)'))[0]);

    const first = new Client(url);
    await first.welcome();
    const since = {};
    for (const market of MARKETS) since[market] = await first.subscribe(market);
    console.log(`subscribed to ${MARKETS[0]} .. ${MARKETS.at(-1)}; people begin to trade in the database`);

    const people = spawn(process.execPath, [path.join(__dirname, 'simulate.js'), '--quiet', '--rate=40', '--seconds=10'], {
        stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = new Promise((resolve) => people.on('exit', resolve));
    process.on('exit', () => people.kill());

    const unseen = () => KINDS.filter((kind) => all(kind).length === 0);
    await until(() => unseen().length === 0, 15, () => `within 15 s no event came of: ${unseen().join(', ')}`);
    for (const kind of KINDS) console.log(`  ${kind.padEnd(12)} ${JSON.stringify(all(kind)[0])}`);

    first.socket.terminate();
    const [atCut, start] = [KINDS.flatMap(all).length, await rowCount()];
    for (const market of MARKETS) since[market] = newest(market) ?? since[market];
    await until(async () => (await rowCount()) >= start + 20, 15, 'the simulator does nothing');
    console.log(`cut off after ${atCut} events; more than 20 rows were committed since, now resuming`);

    const second = new Client(url);
    await second.welcome();
    for (const market of MARKETS) await second.subscribe(market, since[market]);
    assert.equal(await exited, 0, 'the simulator failed');

    for (const kind of Object.keys(ROWS)) {
        let complaint;
        await until(async () => !(complaint = await difference(database, kind)), 10, () => complaint);
    }
    await sleep(500); // repetitions would come now
    for (const kind of Object.keys(ROWS)) assert.equal(await difference(database, kind), undefined);
    for (const event of [...events.values()].flat()) examine(event);
    await examineChains(database);
    assert.deepEqual(second.replies, [], 'messages came that nobody asked for');
    second.socket.close();
    console.log(`all came, once and in order: ${KINDS.map((kind) => `${all(kind).length} ${kind}`).join(', ')}`);
}

async function main() {
    const url = process.argv[2];
    if (url === '--help') {
        process.stdout.write(HELP);
        return;
    }
    if (process.argv.length !== 3 || !process.env.DATABASE_URL) {
        console.error('check: it takes the URL of rowcast, and the database in DATABASE_URL; --help tells more');
        process.exit(2);
    }
    const database = new Psql(process.env.DATABASE_URL);
    try {
        await check(url, database);
        database.close();
    } catch (error) {
        console.error(`check: ${error.message}`);
        process.exit(1);
    }
}

main();

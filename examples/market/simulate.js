#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: DATABASE_URL=postgresql://... node simulate.js [OPTION]...

People propose markets, vote on them, trade by what they believe, talk, and settle. All of it is rows in the tables of
schema.sql; nothing here knows of rowcast.

  --rate N      actions a second (default 4)
  --seconds N   for how long (default: until it is stopped)
  --seed N      the same choices for the same number (default 1)
  --quiet       says nothing of what is done
  --help        this

Exit status: 0 done, 2 wrong usage, 69 the database is unavailable.
`;

const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { Psql, quote } = require('../lib/psql.js');

const MARKETS = 5; // open at the same time
const PATIENCE = 30; // seconds to wait for a database that went away

const QUESTIONS = [
    'Will it rain in Lisbon on Saturday?',
    'Will the central bank cut its rate at the next meeting?',
    'Will the new bridge open before June?',
    'Will a lander reach the Moon this year?',
    'Will the home side win the derby?',
    'Will wheat cost more at the end of the month than today?',
    'Will the transit strike end this week?',
    'Will the festival sell out before it begins?',
    'Will the reservoir be above 80 percent in May?',
    'Will the merger be approved?',
    'Will the marathon record fall in autumn?',
    'Will the ferry line to the island come back?',
    'Will the comet be visible to the naked eye?',
    'Will the city council pass the budget at first reading?',
    'Will electricity be cheaper next winter?',
    'Will the vintage be better than last year\'s?',
];

const COMMENTS = [
    (yes) => `YES at ${yes} looks cheap to me.`,
    (yes) => `Who pays ${yes} for that? I am out.`,
    () => 'Read the fine print before you buy.',
    () => 'My cousin works there. It is not going to happen.',
    (yes) => `Moved from my estimate by a lot, ${yes} is too far.`,
    () => 'Nice volume today!',
    () => 'I would wait for the news on Thursday.',
    (yes) => `Holding until 0.90. Now: ${yes}.`,
    () => 'Wasn\'t this decided last year already?',
    () => 'The other side has better arguments, sadly.',
];

const STATEMENTS = [
    `look as select state, b, yes_shares, no_shares from markets where id = $1`,
    `propose as insert into markets (id, question, state, b, yes_shares, no_shares, creator_wallet)
        values ($1, $2, 'PROPOSED', $3, 0, 0, $4)`,
    `move as update markets set state = $2, updated_at = now() where id = $1`,
    `trade(text, text, text, boolean, int) as select from trade($1, $2, $3, $4, $5)`,
    `vote as insert into votes (market_id, user_wallet, vote_type, vote) values ($1, $2, $3, $4)`,
    `comment as insert into discussions (id, market_id, user_wallet, content) values ($1, $2, $3, $4)`,
];

// A small generator with a seed (mulberry32): 0 <= n < 1.
function randomFrom(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let n = state;
        n = Math.imul(n ^ (n >>> 15), n | 1);
        n ^= n + Math.imul(n ^ (n >>> 7), n | 61);
        return ((n ^ (n >>> 14)) >>> 0) / 4294967296;
    };
}

const logit = (p) => Math.log(p / (1 - p));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

class Simulation {
    constructor(url, seed, tell) {
        this.url = url;
        this.tell = tell;
        this.random = randomFrom(seed);
        this.traders = Array.from({ length: 20 }, () => ({ wallet: this.wallet(), bias: this.normal(), held: {} }));
        this.markets = [];
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    between(low, high) {
        return low + Math.floor(this.random() * (high - low + 1));
    }

    normal() {
        return this.random() + this.random() + this.random() + this.random() - 2;
    }

    wallet() {
        const letters = [...'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'];
        return Array.from({ length: 44 }, () => this.pick(letters)).join('');
    }

    // --- The database ---

    async connect() {
        this.database = new Psql(this.url);
        for (const statement of STATEMENTS) await this.database.ask(`prepare ${statement}`);
        const [last] = await this.database.ask(
            `select coalesce(max(substring(id from '^market-(\\d{1,9})$')::int), 100) from markets`,
        );
        this.last = Math.max(Number(last), this.last ?? 0);
    }

    run(statement, ...values) {
        return this.database.ask(`execute ${statement}(${values.map(quote).join(', ')})`);
    }

    async together(...calls) {
        await this.database.ask('begin');
        try {
            for (const call of calls) await this.run(...call);
        } finally {
            await this.database.ask('commit'); // of a transaction that failed: takes it back
        }
    }

    // --- What people do ---

    async act() {
        if (this.markets.length < MARKETS) return this.propose();
        const market = this.pick(this.markets);
        const [row] = await this.run('look', market.id);
        const [state, b, yes, no] = row ? row.split('|') : ['CANCELLED'];
        switch (state) {
            case 'PROPOSED':
                return this.vote(market, 'proposal', 0.8, 'APPROVED', 'CANCELLED');
            case 'APPROVED':
                return this.move(market, 'ACTIVE');
            case 'ACTIVE':
                if (market.life-- <= 0) return this.move(market, 'RESOLVING');
                if (this.random() < 0.15) return this.comment(market, Number(b), yes - no);
                return this.trade(market, Number(b), yes - no);
            case 'RESOLVING':
                return this.vote(market, 'dispute', 0.3, 'DISPUTED', 'FINALIZED');
            case 'DISPUTED':
                return this.vote(market, 'dispute', 0.2, 'CANCELLED', 'FINALIZED');
            default: // settled: somebody proposes another one
                this.markets.splice(this.markets.indexOf(market), 1);
                return this.propose();
        }
    }

    async propose() {
        const number = ++this.last;
        const market = {
            id: `market-${number}`,
            truth: this.normal() * 1.5, // log odds of YES, as the news have it
            life: this.between(50, 120), // actions while it is active
            votes: { true: 0, false: 0 },
            comments: 0,
        };
        const question = QUESTIONS[(number - 101) % QUESTIONS.length];
        await this.run('propose', market.id, question, this.between(8, 20) * 10, this.pick(this.traders).wallet);
        this.markets.push(market);
        this.tell(`${market.id} proposed: ${question}`);
    }

    async move(market, state) {
        await this.run('move', market.id, state);
        this.tell(`${market.id} is ${state}`);
    }

    // The third vote of a kind decides, in the same transaction.
    async vote(market, type, chance, whenYes, whenNo) {
        const vote = this.random() < chance;
        const calls = [['vote', market.id, this.pick(this.traders).wallet, type, vote]];
        const decided = market.votes[vote] === 2;
        if (decided) calls.push(['move', market.id, vote ? whenYes : whenNo]);
        await this.together(...calls);
        market.votes[vote]++;
        if (decided) market.votes = { true: 0, false: 0 };
        this.tell(`${market.id} ${type} vote: ${vote ? 'yes' : 'no'}`);
        if (decided) this.tell(`${market.id} is ${vote ? whenYes : whenNo}`);
    }

    async comment(market, b, spread) {
        const content = this.pick(COMMENTS)(sigmoid(spread / b).toFixed(2));
        const id = `${market.id}-comment-${market.comments + 1}`;
        await this.run('comment', id, market.id, this.pick(this.traders).wallet, content);
        market.comments++;
        this.tell(`${market.id} comment: ${content}`);
    }

    // The price of YES is sigmoid(spread / b): a trader buys, or sells what goes the other way, until it is part of the
    // way nearer to what the trader believes.
    async trade(market, b, spread) {
        market.truth += this.normal() * 0.1;
        const trader = this.pick(this.traders);
        const way = (market.truth + trader.bias * 0.7) * b - spread;
        const yes = way > 0;
        const wanted = Math.min(Math.max(Math.round(Math.abs(way) * (0.1 + this.random() * 0.3)), 1), 80);
        const key = (outcome) => `${market.id} ${outcome}`;
        const other = trader.held[key(!yes)] ?? 0;
        const sells = other > 0 && this.random() < 0.7;
        const [type, outcome, shares] = sells ? ['sell', !yes, Math.min(wanted, other)] : ['buy', yes, wanted];
        await this.run('trade', market.id, trader.wallet, type, outcome, shares);
        trader.held[key(outcome)] = (trader.held[key(outcome)] ?? 0) + (sells ? -shares : shares);
        this.tell(`${market.id} ${type} ${shares} ${outcome ? 'YES' : 'NO'} at ${sigmoid(spread / b).toFixed(2)}`);
    }
}

function usage(sentence) {
    process.stderr.write(`simulate: ${sentence}; --help tells what there is\n`);
    process.exit(2);
}

function readOptions() {
    const options = { rate: 4, seconds: Infinity, seed: 1 };
    let values;
    try {
        const text = { type: 'string' };
        const flag = { type: 'boolean' };
        values = parseArgs({ options: { rate: text, seconds: text, seed: text, quiet: flag, help: flag } }).values;
    } catch (error) {
        usage(error.message);
    }
    if (values.help) {
        process.stdout.write(HELP);
        process.exit(0);
    }
    for (const name of ['rate', 'seconds', 'seed']) {
        if (values[name] === undefined) continue;
        options[name] = Number(values[name]);
        if (!(options[name] > 0)) usage(`--${name} takes a number above 0, not '${values[name]}'`);
    }
    if (!process.env.DATABASE_URL) usage('DATABASE_URL is not set');
    process.stdout.on('error', () => process.exit(0)); // nobody listens any more
    return { ...options, tell: values.quiet ? () => {} : console.log };
}

// Connects, and while the database was there once, goes on trying for a while.
async function connect(simulation, seconds) {
    for (const end = Date.now() + seconds * 1000; ; await sleep(500)) {
        try {
            return await simulation.connect();
        } catch (error) {
            if (error.lost && Date.now() < end) continue;
            process.stderr.write(`simulate: the database cannot be used: ${error.message}\n`);
            process.exit(69);
        }
    }
}

async function main() {
    const { rate, seconds, seed, tell } = readOptions();
    const simulation = new Simulation(process.env.DATABASE_URL, seed, tell);
    await connect(simulation, 0);
    const end = Date.now() + seconds * 1000;
    for (let due = Date.now(); due < end; due = Math.max(due + (1000 / rate) * (0.5 + simulation.random()), Date.now() - 1000)) {
        await sleep(due - Date.now());
        try {
            await simulation.act();
        } catch (error) {
            if (error.lost) {
                process.stderr.write(`simulate: the database went away (${error.message}), trying again for ${PATIENCE} s\n`);
                await connect(simulation, PATIENCE);
            } else {
                tell(`refused: ${error.message}`); // somebody else was quicker
            }
        }
    }
    simulation.database.close();
}

main();

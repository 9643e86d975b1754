// SPDX-License-Identifier: MIT
// Sessions that write into the demo's tables as they like. Each row bears a number of its own, which its event shows too.
'use strict';

const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');

const ENVIRONMENT = { ...process.env, PGOPTIONS: '', PGCONNECT_TIMEOUT: '10', PGCLIENTENCODING: 'UTF8' };
const DONE = '--done--';
const CONTENT = ['plain', "l''apostrophe \\ \" < & >", 'Grüße, 你好, 🎲', '[]{}:,', 'x'.repeat(700)];
let number = 0;

// psql, which is started again when the server has gone away.
class Writer {
    // `pace`: milliseconds for a row.
    constructor(url, random, topics, pace) {
        Object.assign(this, { url, random, topics, pace });
        this.transactions = 0;
        this.breaks = 0;
    }

    async run() {
        while (!this.stopped) {
            const { rows, script } = this.transaction();
            const began = Date.now();
            if (await this.send(script)) this.transactions++;
            else await sleep(100);
            await sleep(Math.max(0, rows * this.pace * this.random.between(0.5, 1.5) - (Date.now() - began)));
        }
    }

    // True if psql came to the end of it. What has become of it if not, only the server knows.
    send(script) {
        if (!this.child) this.connect();
        return new Promise((resolve) => {
            this.settle = resolve;
            this.child.stdin.write(`${script}\n\\echo ${DONE}\n`);
        });
    }

    connect() {
        const child = spawn('psql', ['-XqAt', this.url], { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] });
        let output = '';
        child.stdin.on('error', () => {});
        child.stdout.setEncoding('utf8').on('data', (text) => {
            output = (output + text).slice(-100);
            if (!output.endsWith(`${DONE}\n`)) return;
            output = '';
            this.settle(true);
        });
        child.on('close', () => {
            this.child = undefined;
            this.breaks++;
            this.settle?.(false);
        });
        this.child = child;
    }

    stop() {
        this.stopped = true;
    }

    close() {
        this.child?.stdin.end();
    }

    // --- What is written ---

    transaction() {
        const { random } = this;
        const rows = random.chance(0.3) ? 1 : Math.ceil(50 * random.next() ** 3);
        if (rows === 1 && random.chance(0.5)) return { rows, script: `${this.statement(1)};` };
        const lines = ['begin'];
        const points = [];
        for (let left = rows; left > 0; ) {
            const count = Math.min(left, random.pick([1, 1, 1, 2, 10]));
            lines.push(this.statement(count));
            left -= count;
            if (random.chance(0.15)) {
                points.push(`s${lines.length}`);
                lines.push(`savepoint ${points.at(-1)}`);
            } else if (points.length > 0 && random.chance(0.3)) {
                lines.push(`${random.pick(['rollback to', 'rollback to', 'release'])} ${points.at(-1)}`);
                if (random.chance(0.5) || lines.at(-1).startsWith('release')) points.pop();
            }
            if (random.chance(0.05)) lines.push(`do 'begin perform pg_sleep(${random.between(0, 0.2)}); end'`);
        }
        lines.push(random.chance(0.12) ? 'rollback' : 'commit');
        return { rows, script: `${lines.join(';\n')};` };
    }

    statement(count) {
        const { random } = this;
        const kind = random.pick(['trade', 'trade', 'trade', 'vote', 'discussion', 'update', 'move', 'remove']);
        if (kind === 'update') return this.update(count);
        if (kind === 'move') return `${this.update(1)};\n${this.insert('trade', 1)}`; // a trade that moves the price
        if (kind !== 'remove') return this.insert(kind, count);
        const market = random.pick(this.topics);
        return random.chance(0.5) ? `delete from markets where id = '${market}'` : created(market);
    }

    insert(kind, count) {
        const [table, row] = ROWS[kind];
        const rows = Array.from({ length: count }, () => row(this.random.pick(this.topics), ++number, this.random));
        return `insert into ${table} values ${rows.join(', ')}`;
    }

    // Several sessions do this in any order: some wait for each other, some for ever, which the server ends.
    update(count) {
        const markets = this.random.shuffled(this.topics).slice(0, Math.min(count, 3));
        const updates = markets.map(
            (market) => `
            update markets set question = 'q${++number}', yes_shares = yes_shares + ${this.random.whole(-5, 5)}
            where id = '${market}'`,
        );
        return updates.join(';\n');
    }
}

const ROWS = {
    trade: [
        'trades (market_id, user_wallet, trade_type, outcome, shares, cost)',
        (market, n, random) =>
            `('${market}', 'w', '${random.pick(['buy', 'sell'])}', ${random.chance(0.5)}, ${random.next()}, ${n})`,
    ],
    vote: [
        'votes (market_id, user_wallet, vote_type, vote)',
        (market, n, random) => `('${market}', 'w${n}', '${random.pick(['proposal', 'dispute'])}', ${random.chance(0.5)})`,
    ],
    discussion: [
        'discussions (id, market_id, user_wallet, content)',
        (market, n, random) => `('d${n}', '${market}', 'w', '${random.pick(CONTENT)}')`,
    ],
};

function created(market) {
    const row = `('${market}', 'q${++number}', 'ACTIVE', 100)`;
    return `insert into markets (id, question, state, b) values ${row} on conflict do nothing`;
}

// More rows in one transaction than a router keeps together.
function flood(topics, count) {
    const first = number + 1;
    number += count;
    const topic = `(array['${topics.join("','")}'])[1 + n % ${topics.length}]`;
    return `insert into ${ROWS.trade[0]} select ${topic}, 'w', 'buy', true, 1, n from generate_series(${first}, ${number}) n`;
}

// A trade in each topic, as the last row of all. Gives what to write, and the keys of the events.
function lastOf(topics) {
    const first = number + 1;
    const rows = topics.map((topic) => `('${topic}', 'w', 'buy', true, 1, ${++number})`);
    const keys = new Map(topics.map((topic, i) => [topic, `trade ${first + i}`]));
    return { sql: `insert into ${ROWS.trade[0]} values ${rows.join(', ')}`, keys };
}

// --- The numbers, as an event shows them and as the server's own decoder (test_decoding) does ---

function keyOfEvent({ type, data }) {
    if (type === 'trade') return `trade ${data.cost}`;
    if (type === 'vote') return `vote ${data.user_wallet.slice(1)}`;
    if (type === 'discussion') return `discussion ${data.id.slice(1)}`;
    return `market ${data.action} ${data.market.question.slice(1)}`;
}

const CHANGE = /^table public\.(trades|votes|discussions|markets): (INSERT|UPDATE|DELETE): (.*)$/s;
const ACTION = { INSERT: 'created', UPDATE: 'updated', DELETE: 'deleted' };

// { topic, key } of a line, or undefined: it is no change.
function keyOfLine(line) {
    const [, table, op, rest] = CHANGE.exec(line) ?? [];
    if (!table) return undefined;
    const row = op === 'UPDATE' ? rest.slice(rest.indexOf(' new-tuple: ')) : rest;
    const column = (pattern) => pattern.exec(row)[1];
    if (table === 'markets')
        return {
            topic: column(/(?:^| )id\[text\]:'(\w+)'/),
            key: `market ${ACTION[op]} ${column(/ question\[text\]:'q(\d+)'/)}`,
        };
    const topic = column(/ market_id\[text\]:'(\w+)'/);
    if (table === 'trades') return { topic, key: `trade ${column(/ cost\[bigint\]:(\d+)/)}` };
    if (table === 'votes') return { topic, key: `vote ${column(/ user_wallet\[text\]:'w(\d+)'/)}` };
    return { topic, key: `discussion ${column(/^id\[text\]:'d(\d+)'/)}` };
}

module.exports = { Writer, created, flood, lastOf, keyOfEvent, keyOfLine };

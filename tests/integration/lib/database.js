// SPDX-License-Identifier: MIT
// Databases of the tests' own, with the demo's tables, and routers that read them.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { until, atEnd } = require('./expect.js');
const { psql, Session } = require('./psql.js');
const { serve, run, ROOT } = require('./rowcast.js');
const { sharedServer } = require('./server.js');

const SCHEMA = fs.readFileSync(path.join(ROOT, 'examples', 'market', 'schema.sql'), 'utf8');
let count = 0;

class Database {
    // `server`: a Server, else the shared one. `schema`: SQL instead of the demo's. `setup`: `rowcast db setup` is run.
    static async create(owner, { server, schema = SCHEMA, setup = true } = {}) {
        const database = new Database(server ?? (await sharedServer()));
        await psql(database.admin, `create database ${database.name}`);
        atEnd(owner, () => database.drop());
        await database.sql(schema);
        if (setup) await database.setup();
        return database;
    }

    constructor(server) {
        this.server = server;
        this.name = `rowcast_test_${process.pid}_${++count}`;
        this.slot = this.name;
        this.admin = server.admin ?? server.url();
        this.url = server.url(this.name);
        this.sessions = [];
    }

    // What a router needs to find it.
    get settings() {
        return { DATABASE_URL: this.url, ROWCAST_SLOT: this.slot };
    }

    // Runs rowcast db …: { code, stdout, stderr }.
    db(args, env = {}) {
        return run(['db', ...args], { env: { ...this.settings, ...env } });
    }

    async setup(...args) {
        const result = await this.db(['setup', ...args]);
        assert.equal(result.code, 0, `rowcast db setup: ${JSON.stringify(result)}`);
        return result;
    }

    sql(text) {
        return psql(this.url, text);
    }

    // Statements as one transaction.
    commit(...statements) {
        return this.sql(`begin;\n${statements.join(';\n')};\ncommit;\n`);
    }

    session() {
        const session = new Session(this.url);
        this.sessions.push(session);
        return session;
    }

    // Ends the connection that reads the slot.
    cut() {
        return this.sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${this.slot}'`);
    }

    // Writes some MB into a table that nobody publishes.
    writeElsewhere() {
        return this.sql(`
            create table if not exists other (content text);
            insert into other select repeat(md5(n::text), 100) from generate_series(1, 3000) n`);
    }

    async drop() {
        for (const session of this.sessions) session.close();
        if (this.server.exited) return;
        await until('the slots are free', async () => {
            const left = await psql(
                this.admin,
                `
                select pg_terminate_backend(active_pid) from pg_replication_slots where database = '${this.name}' and active;
                select slot_name from pg_replication_slots where database = '${this.name}' and active`,
            );
            return left.length === 0;
        });
        await psql(
            this.admin,
            `
            select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '${this.name}';
            drop database ${this.name} with (force)`,
        );
    }
}

// A router for the database, and a client that is subscribed.
async function start(owner, database, markets, options = {}) {
    const rowcast = await serve(owner, { database, ...options });
    await rowcast.logged('source_started');
    const client = await rowcast.connect();
    for (const market of markets) await client.subscribe(market);
    return { rowcast, client };
}

// The sentence at which the router says what is missing, in its log and at /ready.
async function complaint(rowcast, pattern) {
    const { message, level } = await rowcast.logged('source_lost', { message: pattern });
    assert.equal(level, 'warn');
    await rowcast.unready(pattern);
    return message;
}

// --- What tests write into the demo's tables ---

const TRADES = 'trades (market_id, user_wallet, trade_type, outcome, shares, cost)';

const tradeOf = (market, cost) => `insert into ${TRADES} values ('${market}', 'w', 'buy', true, 1, ${cost})`;
const tradesOf = (market, first, last) =>
    `insert into ${TRADES} select '${market}', 'w', 'buy', true, 1, n from generate_series(${first}, ${last}) n`;
const voteOf = (market) =>
    `insert into votes (market_id, user_wallet, vote_type, vote) values ('${market}', 'w', 'dispute', false)`;
const marketOf = (id) => `insert into markets (id, question, state, b) values ('${id}', 'Will ${id}?', 'ACTIVE', 100)`;

module.exports = { Database, start, complaint, tradeOf, tradesOf, voteOf, marketOf };

// SPDX-License-Identifier: MIT
// A snapshot and the events behind it give the table, whatever is written meanwhile (contract section 3.2): compared row by
// row, each event with what it changes, while writers commit, roll back, use savepoints and prepared transactions.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { Database } = require('./lib/database.js');
const { serve, scriptFolder } = require('./lib/rowcast.js');
const { Server } = require('./lib/server.js');

const TOPICS = ['a', 'b', 'c'];
const WRITERS = 4;
const TRANSACTIONS = Number(process.env.ROWCAST_TEST_TRANSACTIONS || 200); // of each writer
const VISITORS = Number(process.env.ROWCAST_TEST_VISITORS || 4);

const SCHEMA = `
    create table items (id int primary key, topic text not null, value int not null);
    alter table items replica identity full`;

const ITEMS = `
    local function told(op, row, old)
      local data = { op = op, id = row.id, value = row.value, old = old and old.value }
      return { type = "item", topic = row.topic, market_id = row.topic, data = data }
    end
    return {
      insert = function(new, ctx) return told(ctx.op, new) end,
      update = function(new, old, ctx) return told(ctx.op, new, old) end,
      delete = function(old, ctx) return told(ctx.op, old) end,
      snapshot = { where = "topic = $1", order = "id" },
    }`;

// --- Writing: SQL for psql, each writer with rows of its own so that none waits for another ---

class Writer {
    constructor(number) {
        this.number = number;
        this.rows = new Map(); // id -> topic, as committed
        this.next = number;
        this.transaction = 0;
    }

    pick(list) {
        return list[Math.floor(Math.random() * list.length)];
    }

    statement(rows) {
        const kind = Math.random();
        const id = this.pick([...rows.keys()]);
        if (kind < 0.4 || id === undefined) {
            const fresh = (this.next += WRITERS);
            rows.set(fresh, this.pick(TOPICS));
            return `insert into items values (${fresh}, '${rows.get(fresh)}', ${Math.floor(Math.random() * 1e6)});`;
        }
        if (kind < 0.75) return `update items set value = value + 1 where id = ${id};`;
        rows.delete(id);
        return `delete from items where id = ${id};`;
    }

    statements(rows) {
        return Array.from({ length: 1 + Math.floor(Math.random() * 4) }, () => this.statement(rows)).join('\n');
    }

    // With savepoints, released or rolled back to, one inside the other.
    body(rows) {
        const lines = [this.statements(rows)];
        if (Math.random() < 0.5) {
            lines.push('savepoint one;', this.statements(rows));
            const lost = new Map(rows);
            lines.push('savepoint two;', this.statements(lost), 'rollback to two;', this.statements(rows), 'release one;');
        }
        return lines.join('\n');
    }

    sql() {
        const rows = new Map(this.rows);
        const body = this.body(rows);
        const kind = Math.random();
        if (kind < 0.15) return `begin;\n${body}\nrollback;`;
        if (kind < 0.4) {
            const name = `p_${this.number}_${++this.transaction}`;
            const keeps = Math.random() < 0.7;
            if (keeps) this.rows = rows;
            const pause = Math.random() < 0.1 ? `select pg_sleep(0.02);\n` : '';
            return `begin;\n${body}\nprepare transaction '${name}';\n${pause}${keeps ? 'commit' : 'rollback'} prepared '${name}';`;
        }
        this.rows = rows;
        return `begin;\n${body}\ncommit;`;
    }

    script(count) {
        return Array.from({ length: count }, () => this.sql()).join('\n');
    }
}

// --- Watching: what is told, applied to what was known ---

class Table {
    constructor(topic) {
        this.topic = topic;
        this.rows = new Map();
        this.findings = [];
        this.events = 0;
        this.between = 0; // events before the end of the snapshot
    }

    check(holds, message) {
        if (!holds) this.findings.push(`${JSON.stringify(message)}, but there was ${this.rows.get(message.data.id)}`);
    }

    take(message) {
        const { op, id, value, old } = message.data;
        const known = this.rows.get(id);
        if (message.snapshot) this.check(op === 'snapshot' && message.id === undefined && known === undefined, message);
        else this.check(op === 'insert' ? known === undefined : known === (old ?? value), message);
        if (op === 'delete') this.rows.delete(id);
        else this.rows.set(id, value);
        if (!message.snapshot) this.events++;
    }
}

class Visitor {
    constructor(rowcast, seen) {
        Object.assign(this, { rowcast, seen });
        this.tables = [];
    }

    // Subscribes to all topics at once, each with a snapshot, and gives their tables; cut in the middle it begins again.
    async visit() {
        this.client = await this.rowcast.connect();
        this.client.send({ action: 'subscribe', market_ids: TOPICS, snapshot: true });
        const cut = Math.random() < 0.2 ? Math.floor(Math.random() * 200) : Infinity;
        this.tables = [];
        let left = 0;
        for (let count = 0; this.tables.filter((table) => table.end).length < TOPICS.length; count++) {
            if (count >= cut) {
                this.client.terminate();
                this.seen.cut++;
                return this.visit();
            }
            const message = await this.client.next();
            const table = this.tables.find(({ topic }) => topic === message.market_id);
            if (message.type === 'market_state') {
                assert.equal(left, 0);
                assert.equal(message.data.id, undefined);
                assert.equal(message.market_id, TOPICS[this.tables.length], 'in the order of asking');
                assert.ok(this.tables.every((other) => other.end));
                left = message.data.snapshot;
                this.tables.push(new Table(message.market_id));
            } else if (message.type === 'snapshot_end') {
                assert.equal(left, 0);
                table.end = message.data.id;
                this.seen.snapshots++;
                this.seen.between += table.between;
            } else {
                if (message.snapshot) left--;
                else if (!table.end) table.between++;
                table.take(message);
            }
        }
        return this;
    }

    // Until a message that says that all is over, in each topic.
    async follow(last) {
        const open = new Set(TOPICS);
        for (const table of this.tables) if (table.rows.has(last(table.topic))) open.delete(table.topic);
        while (open.size > 0) {
            const message = await this.client.next();
            const table = this.tables.find(({ topic }) => topic === message.market_id);
            assert.equal(message.type, 'item', this.client.transcript);
            table.take(message);
            if (message.data.id === last(table.topic)) open.delete(table.topic);
        }
    }
}

async function contentOf(database, topic) {
    const lines = await database.sql(`select id, value from items where topic = '${topic}'`);
    return new Map(lines.map((line) => line.split('|').map(Number)));
}

// Writers and visitors together; then what each visitor knows is compared with the tables.
async function compare(t, { disturb = async () => {} }) {
    const server = await Server.start(t, { max_prepared_transactions: 50, max_connections: 100 });
    const database = await Database.create(t, { server, schema: SCHEMA, setup: false });
    const scripts = scriptFolder(t, { shipped: true, files: { 'tables/items.lua': ITEMS } });
    for (const table of ['markets', 'trades', 'votes', 'discussions']) require('node:fs').rmSync(`${scripts}/tables/${table}.lua`);
    const env = { ROWCAST_SCRIPTS: scripts };
    const setup = await database.db(['setup'], env);
    assert.equal(setup.code, 0, JSON.stringify(setup));
    const rowcast = await serve(t, { database, scripts });
    await rowcast.logged('source_started');

    const seen = { snapshots: 0, between: 0, cut: 0, events: 0, rows: 0 };
    let writing = WRITERS;
    const writers = Array.from({ length: WRITERS }, async (_, number) => {
        const writer = new Writer(number);
        for (let left = TRANSACTIONS; left > 0; left -= 50) await database.sql(writer.script(Math.min(50, left)));
        writing--;
    });
    const visitors = Array.from({ length: VISITORS }, async () => {
        const tables = [];
        for (let visitor; writing > 0 || tables.length === 0; ) {
            visitor = await new Visitor(rowcast, seen).visit();
            tables.push(visitor);
            if (tables.length > 3) tables.shift().client.terminate();
            await sleep(Math.random() * 100);
        }
        return tables;
    });
    const stopped = { done: false };
    const disturbed = disturb(server, database, stopped);
    await Promise.all(writers);
    stopped.done = true;
    await disturbed;
    const stayed = (await Promise.all(visitors)).flat();

    const last = (topic) => 1e9 + TOPICS.indexOf(topic);
    for (const topic of TOPICS) await database.sql(`insert into items values (${last(topic)}, '${topic}', 0)`);
    const findings = [];
    for (const visitor of stayed) {
        await visitor.follow(last);
        for (const table of visitor.tables) {
            const content = await contentOf(database, table.topic);
            seen.events += table.events;
            seen.rows += table.rows.size;
            findings.push(...table.findings);
            for (const [id, value] of content) if (table.rows.get(id) !== value) findings.push(`${id} is ${value}, not ${table.rows.get(id)}`);
            for (const id of table.rows.keys()) if (!content.has(id)) findings.push(`${id} is none`);
        }
    }
    const [transactions] = await database.sql(`select xact_commit + xact_rollback from pg_stat_database where datname = '${database.name}'`);
    t.diagnostic(
        `${seen.snapshots} snapshots (${seen.between} events before their ends, ${seen.cut} cut in the middle), ${stayed.length} ` +
            `visitors compared: ${seen.rows} rows, ${seen.events} events, ${findings.length} wrong; about ${transactions} transactions`,
    );
    assert.deepEqual(findings.slice(0, 10), []);
    assert.ok(seen.snapshots >= VISITORS * TOPICS.length);
    return seen;
}

describe('a snapshot and the events behind it', () => {
    it('give the table, with savepoints, rollbacks and prepared transactions', async (t) => {
        await compare(t, {});
    });

    it('give the table, also when synchronous replication holds commits back', async (t) => {
        const disturb = async (server, database, stopped) => {
            while (!stopped.done) {
                await database.sql(`alter system set synchronous_standby_names = 'nobody'`);
                await database.sql('select pg_reload_conf()');
                await sleep(200 + Math.random() * 400);
                await database.sql(`alter system set synchronous_standby_names = ''`);
                await database.sql('select pg_reload_conf()');
                await sleep(Math.random() * 300);
            }
        };
        const seen = await compare(t, { disturb });
        assert.ok(seen.between > 0, 'events came between rows and end');
    });
});

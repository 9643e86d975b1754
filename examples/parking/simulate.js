#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: DATABASE_URL=postgresql://... node simulate.js [OPTION]...

Cars come and go, people book bays and think better of it, bays are closed and opened. All of it is rows in the tables of
schema.sql; nothing here knows of rowcast, but for the announcements.

  --rate N      actions a second (default 3)
  --seconds N   for how long (default: until it is stopped)
  --seed N      the same choices for the same number (default 1)
  --help        this

Exit status: 0 done, 2 wrong usage, 69 the database is unavailable.
`;

const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { Psql, quote } = require('../lib/psql.js');

const NEWS = ['The lift is out of order', 'Lights off at ten', 'Please mind the cat', 'Free charging today'];

// A small generator with a seed: 0 <= n < 1.
function randomFrom(seed) {
    let state = Math.imul(seed, 0x9e3779b9) >>> 0 || 1;
    return () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) / 4294967296;
    };
}

class Simulation {
    constructor(database, seed) {
        this.database = database;
        this.random = randomFrom(seed);
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    plate() {
        const letter = () => this.pick([...'ABCDEFGHJKLMNPRSTUVXZ']);
        return `${letter()}${letter()}-${10 + Math.floor(this.random() * 90)}`;
    }

    // One of the rows that the SELECT finds, its columns as texts.
    async one(select) {
        const rows = await this.database.ask(select);
        return rows.length > 0 ? this.pick(rows).split('|') : undefined;
    }

    async act() {
        const n = this.random();
        if (n < 0.4) return this.park();
        if (n < 0.7) return this.leave();
        if (n < 0.85) return this.book();
        if (n < 0.93) return this.cancel();
        if (n < 0.97) return this.rebuild();
        return this.announce();
    }

    async park() {
        const bay = await this.one('select site, number from depot.bays where plate is null order by 1, 2');
        if (!bay) return this.leave();
        return this.database.ask(
            `update depot.bays set plate = ${quote(this.plate())} where site = ${quote(bay[0])} and number = ${bay[1]}`,
        );
    }

    async leave() {
        const bay = await this.one('select site, number from depot.bays where plate is not null order by 1, 2');
        if (!bay) return this.park();
        return this.database.ask(`update depot.bays set plate = null where site = ${quote(bay[0])} and number = ${bay[1]}`);
    }

    async book() {
        const [site, number] = await this.one('select site, number from depot.bays order by 1, 2');
        return this.database.ask(
            `insert into depot.bookings (site, bay, plate, hours)
             values (${quote(site)}, ${number}, ${quote(this.plate())}, ${1 + Math.floor(this.random() * 6)})`,
        );
    }

    async cancel() {
        const booking = await this.one('select id from depot.bookings order by 1');
        if (!booking) return this.book();
        return this.database.ask(`delete from depot.bookings where id = ${booking[0]}`);
    }

    // A bay is closed for good, and another one opened, in one transaction.
    async rebuild() {
        const [site, number] = await this.one('select site, max(number) from depot.bays group by 1 order by 1');
        const closed = await this.one(
            `select number from depot.bays where site = ${quote(site)} and plate is null order by 1`,
        );
        await this.database.ask('begin');
        try {
            if (closed)
                await this.database.ask(`delete from depot.bays where site = ${quote(site)} and number = ${closed[0]}`);
            await this.database.ask(
                `insert into depot.bays (site, number, kind) values (${quote(site)}, ${Number(number) + 1}, 'electric')`,
            );
        } finally {
            await this.database.ask('commit');
        }
    }

    async announce() {
        const [site] = await this.one('select id from depot.sites order by 1');
        const content = JSON.stringify({ site, text: this.pick(NEWS) });
        return this.database.ask(`select pg_logical_emit_message(true, 'rowcast', ${quote(content)})`);
    }
}

function usage(sentence) {
    process.stderr.write(`simulate: ${sentence}; --help tells what there is\n`);
    process.exit(2);
}

function readOptions() {
    const options = { rate: 3, seconds: Infinity, seed: 1 };
    let values;
    try {
        const text = { type: 'string' };
        values = parseArgs({ options: { rate: text, seconds: text, seed: text, help: { type: 'boolean' } } }).values;
    } catch (error) {
        usage(error.message);
    }
    if (values.help) {
        process.stdout.write(HELP);
        process.exit(0);
    }
    for (const name of Object.keys(options)) {
        if (values[name] === undefined) continue;
        options[name] = Number(values[name]);
        if (!(options[name] > 0)) usage(`--${name} takes a number above 0, not '${values[name]}'`);
    }
    if (!process.env.DATABASE_URL) usage('DATABASE_URL is not set');
    return options;
}

async function main() {
    const { rate, seconds, seed } = readOptions();
    const simulation = new Simulation(new Psql(process.env.DATABASE_URL), seed);
    const end = Date.now() + seconds * 1000;
    try {
        while (Date.now() < end) {
            await simulation.act();
            await sleep((1000 / rate) * (0.5 + simulation.random()));
        }
    } catch (error) {
        process.stderr.write(`simulate: the database cannot be used: ${error.message}\n`);
        process.exit(69);
    }
    simulation.database.close();
}

main();

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: DATABASE_URL=postgresql://... node check.js URL

Does rowcast at URL (ws://...) keep its promises to who watches parking sites? Takes the rows of each site, watches while
simulate.js has cars come and go, is cut off, misses some events, resumes, and compares what it knows with the tables. Needs
the tables as schema.sql leaves them.

Exit status: 0 all of it arrived, once and in order; 1 something is wrong, and which; 2 wrong usage.
`;

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Psql } = require('../lib/psql.js');
module.paths.push('/usr/share/nodejs'); // where Debian's package node-ws puts it
const WebSocket = require('ws');

const SITES = ['alfama', 'belem', 'ribeira'];
const KINDS = ['site', 'bay', 'booking', 'announcement'];

async function until(condition, seconds, complaint) {
    for (const end = Date.now() + seconds * 1000; !(await condition()); await sleep(20))
        if (Date.now() > end) throw new Error(typeof complaint === 'function' ? complaint() : complaint);
}

// --- What a watcher knows, from the rows and what happened since ---

const bays = new Map(); // "alfama/7" -> taken
const free = new Map(); // site -> number
const bookings = new Set(); // ids
const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
const newest = {}; // site -> id of its newest event

function learn(event) {
    const { type, site, bay, data } = event;
    const place = `${site}/${bay}`;
    const told = JSON.stringify(event);
    if (event.id !== undefined) {
        assert.ok(!(event.id <= newest[site]), `the ids of ${site} do not ascend: ${told}`);
        newest[site] = event.id;
        counts[type]++;
    }
    switch (type) {
        case 'site':
            free.set(site, data.free);
            break;
        case 'bay':
            if (data.action === 'removed') assert.ok(bays.delete(place), `a bay is removed that was not there: ${told}`);
            else {
                const known = bays.get(place);
                if (data.action === 'taken') assert.equal(known, false, `a bay is taken that is not free: ${told}`);
                if (data.action === 'left') assert.equal(known, true, `a bay is left that is not taken: ${told}`);
                if (data.action === 'added') assert.equal(known, undefined, `a bay is added that was there: ${told}`);
                bays.set(place, data.taken);
            }
            break;
        case 'booking':
            if (data.action === 'cancelled') assert.ok(bookings.delete(data.id), `a booking unknown is cancelled: ${told}`);
            else bookings.add(data.id);
            break;
        case 'announcement':
            assert.equal(typeof data.text, 'string', told);
            break;
        default:
            throw new Error(`nobody asked for this: ${told}`);
    }
}

// --- A connection ---

class Client {
    constructor(url) {
        this.replies = [];
        this.socket = new WebSocket(url);
        this.socket.on('error', (error) => (this.failure ??= error));
        this.socket.on('message', (bytes) => {
            try {
                const message = JSON.parse(bytes);
                if (message.id !== undefined || message.snapshot) learn(message);
                else this.replies.push(message);
            } catch (error) {
                this.failure ??= error;
            }
        });
    }

    async reply(type) {
        await until(() => this.failure || this.replies.length > 0, 10, `no '${type}' came within 10 s`);
        if (this.failure) throw this.failure;
        const reply = this.replies.shift();
        assert.equal(reply.type, type, `another answer: ${JSON.stringify(reply)}`);
        return reply;
    }

    async watch(site, options) {
        this.socket.send(JSON.stringify({ watch: `site:${site}`, ...options }));
        const { data } = await this.reply('watching');
        if (!options.rows) {
            assert.equal(data.complete, true, `events were missed at ${site}: ${JSON.stringify(data)}`);
            return;
        }
        newest[site] ??= (await this.reply('rows_end')).data.at;
    }
}

// --- What the database says ---

async function difference(database) {
    const ask = async (sql) => (await database.ask(sql)).sort().join();
    const known = {
        bays: [...bays].map(([place, taken]) => `${place} ${taken}`).sort().join(),
        free: [...free].map(([site, number]) => `${site} ${number}`).sort().join(),
        bookings: [...bookings].sort().join(),
    };
    const rows = {
        bays: await ask(`select site || '/' || number || case when plate is null then ' false' else ' true' end from depot.bays`),
        free: await ask(`select id || ' ' || free from depot.sites`),
        bookings: await ask('select id from depot.bookings'),
    };
    for (const what of Object.keys(rows))
        if (known[what] !== rows[what]) return `${what}: the tables have ${rows[what]}, the watcher knows ${known[what]}`;
    return undefined;
}

// --- The story ---

async function check(url, database) {
    const first = new Client(url);
    await first.reply('hello');
    for (const site of SITES) await first.watch(site, { rows: true });
    assert.equal(await difference(database), undefined, 'the rows are not those of the tables');
    console.log(`took the rows of ${bays.size} bays; cars begin to come and go in the database`);

    const people = spawn(process.execPath, [path.join(__dirname, 'simulate.js'), '--rate=60', '--seconds=6'], {
        stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = new Promise((resolve) => people.on('exit', resolve));
    process.on('exit', () => people.kill());
    const unseen = () => KINDS.filter((kind) => counts[kind] === 0);
    await until(
        () => first.failure || unseen().length === 0,
        15,
        () => `within 15 s no event came of: ${unseen().join(', ')}`,
    );
    if (first.failure) throw first.failure;

    first.socket.terminate();
    const seen = Object.values(counts).reduce((a, b) => a + b);
    await sleep(1000);
    assert.notEqual(await difference(database), undefined, 'nothing happened while the watcher was away');
    console.log(`cut off after ${seen} events; resuming a second later`);

    const second = new Client(url);
    await second.reply('hello');
    for (const site of SITES) await second.watch(site, { after: newest[site] });
    assert.equal(await exited, 0, 'the simulation failed');
    let complaint;
    await until(
        async () => second.failure || !(complaint = await difference(database)),
        10,
        () => complaint,
    );
    if (second.failure) throw second.failure;
    assert.deepEqual(second.replies, [], 'messages came that nobody asked for');
    second.socket.close();
    console.log(`all came, once and in order: ${KINDS.map((kind) => `${counts[kind]} ${kind}`).join(', ')}`);
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

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// usage: tests/soak/soak.js [--seconds N] [--clients N] [--seed N]
//
// One router for a long time: a crowd comes and goes, scripts are saved and reloaded, the database is restarted. What the router takes
// must stay flat, all must be given back when the crowd has gone, and readers beside it must get all that was committed, once.
//
//   --seconds N   so long (default: 300; in less than 200 the history is still being filled, which counts as growth)
//   --clients N   in the crowd (default: 1000)
//   --seed N      the choices of an earlier run (default: new ones; printed)
//
// ROWCAST_BIN names the program (default: build/rowcast). Leaves build/logs/soak.csv and soak.svg. Prints TAP; exit status 0: nothing
// was found, 1: something was.
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { ROOT, BINARY, scriptFolder } = require('../integration/lib/rowcast.js');
const { Database } = require('../integration/lib/database.js');
const { Random } = require('../faults/random.js');
const { Instance, Restartable } = require('../faults/instances.js');
const { Writer, created, lastOf } = require('../faults/writers.js');
const { Board, Reader } = require('../faults/readers.js');
const { committed } = require('../faults/judge.js');
const { say, within, begin, catchUp, judge, tell, play } = require('../faults/stage.js');
const { Record } = require('./record.js');

const TOPICS = Array.from({ length: 100 }, (_, i) => `m${i}`); // of the crowd
const READ = TOPICS.slice(0, 10); // of the readers
const [WRITERS, READERS] = [6, 50];
const PLANNED = 1300; // rows a second; half of them are rolled back, find nothing to update, or fall into a restart
const RELOAD = 3; // seconds: by turns a file is saved and SIGHUP sent
const RESTART = 40; // seconds: by turns fast and immediate
const SEVER = 5; // seconds: some readers are cut
const GIVEN_BACK = 30; // seconds

const SERVER = { deadlock_timeout: '50ms', full_page_writes: 'off', max_connections: 60, log_min_messages: 'warning' };
const ROUTER = { ROWCAST_HISTORY: '8MiB' }; // full before the second quarter begins, and more than any reader is away

const number = { type: 'string' };
const { values } = parseArgs({ options: { seconds: number, clients: number, seed: number } });
const [seconds, clients] = [Number(values.seconds ?? 300), Number(values.clients ?? 1000)];
const seed = Number(values.seed ?? Date.now() % 1000000);
const logs = path.join(ROOT, 'build', 'logs', 'soak');

async function prepare(owner) {
    const server = await Restartable.begin(owner, Random.of(`${seed}/${process.pid}`, 'port'), SERVER);
    const database = await Database.create(owner, { server });
    await database.sql("select pg_create_logical_replication_slot('truth', 'test_decoding')");
    const scripts = scriptFolder(owner, { shipped: true });
    const instance = new Instance(owner, 'soak', { ...database.settings, ...ROUTER, ROWCAST_SCRIPTS: scripts }, logs);
    await instance.start();
    await instance.rowcast.logged('source_started');
    return { server, database, scripts, instance, record: new Record(instance.rowcast) };
}

function gather(owner, port) {
    const child = fork(path.join(__dirname, 'crowd.js'), [port, clients, TOPICS.length, seed].map(String));
    const crowd = { child, counts: { connections: 0, first: [] } };
    child.on('message', (counts) => (crowd.counts = counts));
    owner.after(async () => child.kill());
    return crowd;
}

// Does each deed at its turn, until the time is up.
async function disturb({ server, scripts, instance, record, readers }) {
    const random = Random.of(seed, 'deeds');
    const done = { saves: 0, hangups: 0, restarts: 0 };
    const file = path.join(scripts, 'tables', 'trades.lua');
    const text = fs.readFileSync(file, 'utf8');
    const save = () => fs.writeFileSync(file, `${text}-- ${++done.saves}\n`);
    const hangUp = () => {
        done.hangups++;
        instance.reload();
    };
    const restart = () => {
        record.mark();
        const [mode, pause] = [done.restarts++ % 2 === 0 ? 'fast' : 'immediate', random.between(0, 3000)];
        server.queue.add(() => server.restart(mode, pause));
    };
    for (let second = 1; second <= seconds; second++) {
        await sleep(1000);
        if (second % RELOAD === 0) (second % 2 === 0 ? save : hangUp)();
        if (second % RESTART === 0 && second + RESTART / 2 < seconds) restart();
        if (second % SEVER === 0) for (const reader of readers) if (random.chance(0.1)) reader.wire?.terminate();
    }
    await server.queue.last;
    return done;
}

// The crowd reads what it has left, and goes: what is not given back then.
async function disperse({ crowd, record, base }) {
    const lacks = [];
    const wait = async (what, condition) => {
        let row;
        const found = await within(GIVEN_BACK, async () => condition((row = await record.look())));
        if (!found) lacks.push(`${what}: not within ${GIVEN_BACK} s, but ${JSON.stringify(row)}`);
        return row;
    };
    crowd.child.send('calm');
    await wait('all are there and nothing waits for them', (row) => row.clients >= clients && row.queue === 0);
    crowd.child.send('leave');
    const row = await wait('all have gone, and their descriptors', (row) => row.clients === 0 && row.descriptors <= base.descriptors);
    say(`descriptors ${base.descriptors} before, ${row.descriptors} after; RSS ${base.rss >> 20} MiB before, ${row.rss >> 20} MiB after`);
    if (record.metrics.rowcast_subscriptions !== 0) lacks.push(`${record.metrics.rowcast_subscriptions} subscriptions are left`);
    return lacks;
}

async function perform(owner) {
    const stand = await prepare(owner);
    const { database, instance, record } = stand;
    const board = new Board();
    stand.base = await record.look();
    stand.readers = Array.from({ length: READERS }, (_, i) => {
        const random = Random.of(seed, `reader ${i}`);
        return new Reader(`reader ${i}`, board, random, random.shuffled(READ).slice(0, random.whole(2, 4)), [instance]);
    });
    const runs = stand.readers.map((reader) => reader.run());
    await begin(stand.readers);
    await database.sql(TOPICS.map((topic) => `${created(topic)};`).join('\n'));
    stand.crowd = gather(owner, instance.rowcast.port);
    const writers = Array.from({ length: WRITERS }, (_, i) => {
        return new Writer(database.url, Random.of(seed, `writer ${i}`), TOPICS, (WRITERS * 1000) / PLANNED);
    });
    const writing = writers.map((writer) => writer.run());
    record.start();
    const done = await disturb(stand);
    record.stop();
    for (const writer of writers) writer.stop();
    await Promise.all(writing);
    for (const writer of writers) writer.close();

    const last = lastOf(READ);
    await database.sql(last.sql);
    const slow = await catchUp(stand.readers, last.keys);
    for (const reader of stand.readers) reader.stop();
    await Promise.all(runs);
    const kept = await disperse(stand);
    const truth = await committed(database.url, READ);
    await instance.stop();
    return { ...stand, board, done, slow, kept, truth };
}

function report({ board, readers, crowd, instance, record, done, slow, kept, truth }) {
    const { counts } = crowd;
    const sum = (name) => Object.entries(record.metrics).reduce((all, [key, value]) => all + (key.startsWith(name) ? value : 0), 0);
    const rows = sum('rowcast_rows_total');
    const title = `${clients} clients, ${(rows / seconds).toFixed(0)} rows/s, ${seconds} s, ${done.restarts} restarts of the database`;
    fs.writeFileSync(path.join(logs, '..', 'soak.csv'), record.csv());
    fs.writeFileSync(path.join(logs, '..', 'soak.svg'), record.picture(title));
    say(`${title}; ${done.saves} scripts saved, ${done.hangups} SIGHUP`);
    const { connections, events, recovered, resumes, cut } = counts;
    say(`crowd: ${connections} connections, ${events} events, ${recovered} of ${resumes} resumes recovered, ${cut} cut`);
    const reasons = Object.entries(record.metrics).flatMap(([key, count]) => {
        const [, reason] = /^rowcast_disconnects_total\{.*reason="([^"]+)"/.exec(key) ?? [];
        return reason && count > 0 ? [`${reason} ${count}`] : [];
    });
    say(`the router's closes: ${reasons.join(', ')}`);
    for (const line of record.story) say(line);
    const [good, bad] = ['ok', 'failed'].map((result) => record.metrics[`rowcast_reloads_total{result="${result}"}`]);
    return tell([
        ...judge(board, readers, truth),
        ['everybody catches up', slow],
        ['the crowd gets nothing but events in order, and its confirmations', counts.first],
        ['each second is recorded, and memory, descriptors and history do not grow', record.growth()],
        ['when the crowd has read all and gone, all is given back', kept],
        ['every reload succeeds', good >= done.hangups && bad === 0 ? [] : [`${good} did, ${bad} did not`]],
        ['the router ends as it was asked to', instance.complaints],
    ]);
}

play(logs, async (owner) => {
    say(`seed ${seed}, ${BINARY}, ${clients} clients for ${seconds} s`);
    return report(await perform(owner));
});

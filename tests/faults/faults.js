#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// usage: tests/faults/faults.js [--seed N] [--faults N] [--seconds N]
//
// Writers write, readers read, and everything between them is killed, stopped, cut and started at random. In the end each
// reader must have what was committed, in that order, once; the server's own decoder (test_decoding) says what that is.
//
//   --seed N      the choices of an earlier run (default: new ones; printed)
//   --faults N    at most so many (default: 15)
//   --seconds N   draw them for at most so long (default: 60)
//
// ROWCAST_BIN names the program (default: build/rowcast). Prints TAP; exit status 0: nothing was found, 1: something was.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { ROOT, BINARY } = require('../integration/lib/rowcast.js');
const { Database, tradeOf } = require('../integration/lib/database.js');
const { Random } = require('./random.js');
const { Instance, Restartable } = require('./instances.js');
const { Writer, created, flood, lastOf } = require('./writers.js');
const { Board, Reader } = require('./readers.js');
const { committed } = require('./judge.js');
const stage = require('./stage.js');

const TOPICS = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'];
const [WRITERS, READERS] = [6, 8];
const ROWS_PER_SECOND = 600;
const AUDITED = 400; // events of each topic that are asked for again in the end

const SERVER = { deadlock_timeout: '50ms', full_page_writes: 'off', max_connections: 60, log_min_messages: 'warning' };
const ROUTER = {
    ROWCAST_HISTORY: '1GiB',
    ROWCAST_HISTORY_TIME: '2h',
    ROWCAST_REPLAY_WAL: '1GiB',
    ROWCAST_MAX_QUEUE: '64MiB', // the readers share one thread
    ROWCAST_WORKERS: '2',
};
const SHORT = { ...ROUTER, ROWCAST_REPLAY_WAL: '32MiB' }; // a minute at the least, and the slots move

// Each in the bag as often as it stands here; a bag is emptied before the next one.
const BAG = [
    ...['kill', 'kill', 'kill', 'term', 'term', 'freeze', 'freeze', 'freeze'],
    ...['fast', 'immediate', 'cut', 'cut', 'sever', 'sever', 'reload', 'flood'],
];

const number = { type: 'string' };
const { values } = parseArgs({ options: { seed: number, faults: number, seconds: number } });
const seed = Number(values.seed ?? Date.now() % 1000000);
const limit = { faults: Number(values.faults ?? 15), seconds: Number(values.seconds ?? 60) };
const logs = path.join(ROOT, 'build', 'logs', `faults-${seed}`);
const { say } = stage;
const note = (text) => fs.appendFileSync(path.join(logs, 'faults.log'), `${new Date().toISOString()} ${text}\n`);

// --- The play ---

async function prepare(owner) {
    const server = await Restartable.begin(owner, Random.of(`${seed}/${process.pid}`, 'port'), SERVER);
    owner.after(async () => fs.copyFileSync(path.join(server.folder, 'log'), path.join(logs, 'postgres.log')));
    const database = await Database.create(owner, { server });
    await database.sql("select pg_create_logical_replication_slot('truth', 'test_decoding')");
    const slots = { shared: `${database.slot}`, own: `${database.slot}_own`, late: `${database.slot}_late` };
    for (const slot of [slots.own, slots.late]) await database.db(['setup'], { ROWCAST_SLOT: slot });
    // All slots reach back to here, and so does every point that a reader may get.
    await database.sql(tradeOf('nobody', 0));
    const instance = (name, slot, env) =>
        new Instance(owner, name, { DATABASE_URL: database.url, ROWCAST_SLOT: slot, ...env }, logs);
    const instances = [
        instance('left', slots.shared, SHORT),
        instance('right', slots.shared, SHORT),
        instance('own', slots.own, SHORT),
    ];
    for (const one of instances) await one.start();
    return { server, database, slots, instances, late: instance('late', slots.late, ROUTER) };
}

function draw(random, play) {
    if (play.bag.length === 0) play.bag = random.shuffled(BAG);
    const fault = { kind: play.bag.pop(), instance: random.pick(play.instances), pause: random.next(), readers: [] };
    for (const reader of play.readers) if (random.chance(0.4)) fault.readers.push(reader);
    fault.all = random.chance(0.3);
    fault.wait = random.between(200, 2000);
    return fault;
}

// Does it as soon as what is under way with the same thing is over.
function commit(play, { kind, instance, pause, readers, all }) {
    const { server, database, slots } = play;
    const restart = async (end) => {
        await instance[end]();
        await sleep(pause ** 2 * 3000);
        await instance.start();
    };
    const sever = () => readers.forEach((reader) => reader.wire?.terminate());
    const cut = `from pg_replication_slots where active
                 and ${all ? 'true' : `slot_name = '${pause < 0.5 ? slots.shared : slots.own}'`}`;
    const deeds = {
        kill: [instance, () => restart('kill')],
        term: [instance, () => restart('stop')],
        freeze: [instance, () => instance.freeze(500 + pause * 8500).then(sever)], // who comes then may be ahead of it
        reload: [instance, () => instance.reload()],
        fast: [server, () => server.restart('fast', pause * 1500)],
        immediate: [server, () => server.restart('immediate', pause * 1500)],
        cut: [server, () => database.sql(`select pg_terminate_backend(active_pid) ${cut}`)],
        sever: [undefined, sever],
        flood: [server, () => database.sql(flood(TOPICS, 10001 + Math.floor(pause * 3000)))], // comes change by change
    };
    const [target, deed] = deeds[kind];
    const what = `${kind} ${target === instance ? instance.name : ''}`;
    play.done[kind] = (play.done[kind] ?? 0) + 1;
    const work = async () => {
        note(`${what} begins`);
        await deed();
        note(`${what} is done`);
    };
    if (target) target.queue.add(work);
    else work();
}

async function disturb(play) {
    const random = Random.of(seed, 'faults');
    const end = Date.now() + limit.seconds * 1000;
    for (let i = 0; i < limit.faults && Date.now() < end; i++) {
        const fault = draw(random, play);
        await sleep(fault.wait);
        commit(play, fault);
    }
    for (const { queue } of [play.server, ...play.instances]) await queue.last;
}

async function perform(owner) {
    const play = { ...(await prepare(owner)), bag: [], done: {}, board: new Board() };
    const { database, instances, board } = play;
    play.readers = Array.from({ length: READERS }, (_, i) => {
        const random = Random.of(seed, `reader ${i}`);
        const topics = random.shuffled(TOPICS).slice(0, random.whole(2, TOPICS.length));
        return new Reader(`reader ${i}`, board, random, topics, instances, { patient: i % 4 === 3 });
    });
    const runs = play.readers.map((reader) => reader.run());
    await stage.begin(play.readers);
    const start = play.readers.flatMap((reader) => [...reader.points.values()]).sort()[0];

    await database.sql(TOPICS.map((topic) => `${created(topic)};`).join('\n'));
    const writers = Array.from({ length: WRITERS }, (_, i) => {
        return new Writer(database.url, Random.of(seed, `writer ${i}`), TOPICS, (WRITERS * 1000) / ROWS_PER_SECOND);
    });
    const writing = writers.map((writer) => writer.run());
    const began = Date.now();
    await disturb(play);
    play.seconds = (Date.now() - began) / 1000;
    for (const writer of writers) writer.stop();
    await Promise.all(writing);
    for (const writer of writers) writer.close();

    const last = lastOf(TOPICS);
    await database.sql(last.sql);
    play.slow = await stage.catchUp(play.readers, last.keys);
    for (const reader of play.readers) reader.stop();
    await Promise.all(runs);
    const truth = await committed(database.url, TOPICS);
    await audit(play, truth, start, last.keys);
    for (const instance of [...instances, play.late]) await instance.stop();
    return { play, truth };
}

// In the end somebody asks each instance again, and one that has read nothing so far is asked for everything.
async function audit(play, truth, start, keys) {
    const { board, instances, late } = play;
    await late.start();
    const everything = new Map(TOPICS.map((topic) => [topic, start]));
    const recently = (topic) => board.ids.get(truth.keys.get(topic).at(-AUDITED)) ?? start;
    const recent = new Map(TOPICS.map((topic) => [topic, recently(topic)]));
    const auditor = (instance, points) => {
        const random = Random.of(seed, `auditor of ${instance.name}`);
        return new Reader(`auditor of ${instance.name}`, board, random, TOPICS, [instance], { points });
    };
    const auditors = [auditor(late, everything)];
    auditors[0].fromStart = true;
    for (const instance of instances) if (await instance.isReady()) auditors.push(auditor(instance, recent));
    const runs = auditors.map((reader) => reader.run());
    play.slow.push(...(await stage.catchUp(auditors, keys)));
    for (const reader of auditors) reader.stop();
    await Promise.all(runs);
    play.readers.push(...auditors);
    if (auditors.length < 3) play.slow.push(`only ${auditors.length - 1} instances are ready in the end`);
}

// --- The verdict ---

function report({ play, truth }) {
    const { board, readers, instances, late } = play;
    const faults = Object.values(play.done).reduce((sum, count) => sum + count, 0);
    const kinds = Object.entries(play.done).map(([kind, count]) => `${count} ${kind}`);
    say(`${faults} faults in ${play.seconds.toFixed(0)} s: ${kinds.join(', ')}`);
    const complaints = [...instances, late].flatMap((instance) => instance.complaints);
    return stage.tell([
        ...stage.judge(board, readers, truth),
        ['everybody catches up', play.slow],
        ['every router ends as it was asked to', complaints],
    ]);
}

async function main(owner) {
    say(`seed ${seed}, ${BINARY}`);
    const good = report(await perform(owner));
    if (!good) say(`again: tests/faults/faults.js --seed ${seed} --faults ${limit.faults} --seconds ${limit.seconds}`);
    return good;
}

stage.play(logs, main);

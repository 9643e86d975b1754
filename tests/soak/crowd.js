// SPDX-License-Identifier: MIT
// A process of clients that come, stay for a while, leave and come back with `since`. Some read slowly, some not at all.
//
// fork(crowd.js, [PORT, CLIENTS, TOPICS, SEED]). Sends its counts each second. Told 'calm' nobody leaves any more and all read;
// told 'leave' all go.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WebSocket } = require('../integration/lib/client.js');
const { Random } = require('../faults/random.js');

const [port, clients, topics, seed] = process.argv.slice(2).map(Number);
const STAY = 30; // seconds, on average
const AWAY = 6; // seconds, at most
const GREEDY = 10; // clients that want every topic, read by fits and starts, and fall behind
const SILENT = 3; // of those stop reading for so long that they are cut
const SILENCE = 90; // seconds: more than two heartbeats
const OURS = [1000, 1005, 1006]; // ends that come of our own leaving

const counts = { connections: 0, events: 0, resumes: 0, recovered: 0, cut: 0, faults: 0 };
const faults = []; // what should not be, the first ones
let phase = 'busy'; // then 'calm', then 'over'

function complain(sentence) {
    counts.faults++;
    if (faults.length < 5) faults.push(sentence);
}

class Guest {
    constructor(number) {
        this.random = Random.of(seed, `guest ${number}`);
        this.greedy = number < GREEDY;
        this.silent = number < SILENT;
        const wanted = this.greedy ? Array.from({ length: topics }, (_, topic) => topic) : [number % topics];
        this.topics = wanted.map((topic) => `m${topic}`);
        this.points = new Map(); // topic -> the newest id
        this.name = `guest ${number}`;
    }

    async live() {
        await sleep(this.random.between(0, AWAY * 1000));
        while (phase !== 'over') {
            await this.visit();
            if (phase === 'busy') await sleep(this.random.between(0, AWAY * 1000));
        }
    }

    async visit() {
        const socket = (this.socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }));
        this.asked = new Map(); // topic -> since, until confirmed
        this.left = false;
        socket.on('error', (error) => this.left || complain(`${this.name}: ${error.message}`));
        socket.on('message', (bytes) => this.take(JSON.parse(bytes)));
        const code = await new Promise((resolve) => {
            socket.on('close', resolve);
        });
        this.rest();
        if (code === 4100 || (this.silent && !this.left)) counts.cut++;
        else if (!this.left || !OURS.includes(code)) complain(`${this.name}: closed with ${code}`);
    }

    // Until it leaves, it may stop reading now and then.
    stay() {
        if (phase !== 'busy') return;
        const { random } = this;
        const seconds = STAY * (this.greedy ? 4 : -Math.log(1 - random.next()));
        this.end = setTimeout(() => this.leave(), seconds * 1000);
        if (this.greedy || random.chance(0.03)) this.stop();
    }

    stop() {
        const { random } = this;
        this.socket.pause();
        this.turn = setTimeout(
            () => {
                this.socket.resume();
                if (this.greedy) this.turn = setTimeout(() => this.stop(), random.between(500, 1000));
            },
            (this.silent ? SILENCE : random.between(5, 30)) * 1000,
        );
    }

    // Reads, and goes on doing so.
    rest() {
        clearTimeout(this.end);
        clearTimeout(this.turn);
        this.socket?.resume();
    }

    leave() {
        this.left = true;
        this.rest();
        if (this.random.chance(0.5) && this.socket?.readyState === 1) this.socket.close(1000);
        else this.socket?.terminate();
    }

    take(message) {
        if (message.id !== undefined) this.takeEvent(message);
        else if (message.type === 'welcome') this.subscribe();
        else if (message.type === 'market_state') this.takeConfirmation(message);
        else complain(`${this.name}: ${JSON.stringify(message)}`);
    }

    takeEvent({ id, market_id: topic }) {
        counts.events++;
        if (!(id > this.points.get(topic)) || this.asked.has(topic)) complain(`${this.name}: ${id} of ${topic} is out of order`);
        this.points.set(topic, id);
    }

    takeConfirmation({ market_id: topic, data }) {
        const since = this.asked.get(topic);
        this.asked.delete(topic);
        if (since !== undefined) counts.resumes++;
        if (data.recovered) counts.recovered++;
        else if (since !== undefined && data.reason !== 'expired') complain(`${this.name}: ${topic} since ${since}: ${data.reason}`);
        this.points.set(topic, data.id);
    }

    // Most go on where they were, some begin anew.
    subscribe() {
        counts.connections++;
        this.stay();
        const anew = this.random.chance(0.2);
        const since = anew ? {} : Object.fromEntries(this.points);
        for (const topic of this.topics) this.asked.set(topic, since[topic]);
        const resumes = Object.keys(since).length > 0;
        this.socket.send(JSON.stringify({ action: 'subscribe', market_ids: this.topics, ...(resumes ? { since } : {}) }));
    }
}

const guests = Array.from({ length: clients }, (_, number) => new Guest(number));
process.on('message', (told) => {
    phase = told === 'calm' ? 'calm' : 'over';
    for (const guest of guests) guest[phase === 'calm' ? 'rest' : 'leave']();
});
process.on('disconnect', () => process.exit(0));
setInterval(() => process.send({ ...counts, first: faults }), 1000);
for (const guest of guests) guest.live();

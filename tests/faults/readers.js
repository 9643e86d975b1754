// SPDX-License-Identifier: MIT
// Clients that come back: to whichever instance is ready, behind what they have seen. They note all they get, in order.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { Client } = require('../integration/lib/client.js');
const { keyOfEvent } = require('./writers.js');

const OPENED_IN = 2000; // milliseconds; then another instance is tried, as for the next ones
const CONFIRMED_IN = 8000;
const SILENCE = 4000;

// What all readers have seen together: the first text of each event, its key, and where others saw it differ.
class Board {
    constructor() {
        this.events = new Map(); // id -> { text, key, by }
        this.ids = new Map(); // key -> id
        this.faults = { differing: [], refused: [], answers: [] };
        this.counts = { deliveries: 0, connections: 0, resumes: 0, pongs: 0 };
    }

    take(id, text, message, by) {
        this.counts.deliveries++;
        const known = this.events.get(id);
        if (known && known.text !== text)
            this.faults.differing.push(`${id} at ${known.by}: ${known.text}\n${' '.repeat(6)}at ${by}: ${text}`);
        if (known) return;
        const key = keyOfEvent(message);
        this.events.set(id, { text, key, by });
        if (this.ids.has(key)) this.faults.differing.push(`${key} is ${this.ids.get(key)} and, at ${by}, ${id}: ${text}`);
        else this.ids.set(key, id);
    }
}

// One connection of a reader.
class Wire extends Client {
    constructor(reader, instance) {
        super(instance.url);
        this.reader = reader;
        this.instance = instance;
        this.asked = new Map(); // topic -> the point it is resumed behind, or undefined; until confirmed
        this.live = new Set(); // topics
        this.heard = Date.now();
    }

    take(bytes) {
        const text = String(bytes);
        this.note('<-', text);
        this.heard = Date.now();
        this.reader.take(this, text, JSON.parse(text));
    }

    send(message) {
        if (this.socket.readyState === 1) super.send(message);
    }
}

class Reader {
    // `points`: Map topic -> the id to begin behind; without it live. `patient`: waits for an instance that stands still.
    constructor(name, board, random, topics, instances, { points = new Map(), patient = false } = {}) {
        Object.assign(this, { name, board, random, topics, instances, patient });
        this.points = new Map(points);
        // topic -> stretches { begin, events: [{ id, visit }] }: behind `begin` everything is to come. There are more than one
        // only where a resume was refused, which is a finding of its own.
        this.stretches = new Map(topics.map((topic) => [topic, []]));
        for (const [topic, begin] of points) this.stretches.get(topic).push({ begin, events: [] });
        this.newest = new Map(); // topic -> key
        this.visits = []; // { instance, began, asked, ended }
    }

    async run() {
        for (let failures = 0; !this.stopped; ) {
            const instance = this.random.pick(this.instances);
            const came = (await instance.isReady()) && !this.stopped && (await this.visit(instance));
            failures = came ? 0 : failures + 1;
            await sleep(this.random.between(0.5, 1) * Math.min(20 * 2 ** failures, 300));
        }
    }

    stop() {
        this.stopped = true;
        this.wire?.terminate();
    }

    // True if it was welcomed.
    async visit(instance) {
        const wire = (this.wire = new Wire(this, instance));
        const visit = { number: this.visits.length, instance: instance.story, began: new Date().toISOString() };
        this.visits.push(visit);
        this.board.counts.connections++;
        wire.visit = visit;
        const timer = setInterval(() => this.look(wire), 250);
        const end = await wire.ended;
        clearInterval(timer);
        Object.assign(visit, { ended: new Date().toISOString(), code: end.code, reason: visit.reason ?? end.reason });
        if (![1001, 1006].includes(end.code)) this.complain('answers', `closed with ${end.code} '${end.reason}'`, wire);
        return wire.welcomed;
    }

    complain(kind, sentence, wire) {
        this.board.faults[kind].push(`${this.name}, visit ${wire.visit.number} at ${wire.instance.story}: ${sentence}`);
    }

    leave(wire, reason) {
        wire.visit.reason = `left: ${reason}`;
        wire.terminate();
    }

    // Every quarter of a second: is it alive, and is there something to ask?
    look(wire) {
        const silent = Date.now() - wire.heard;
        if (!wire.welcomed) {
            if (silent > OPENED_IN) this.leave(wire, 'no welcome');
            return;
        }
        if (wire.asked.size > 0 && Date.now() - wire.askedAt > CONFIRMED_IN && !this.patient)
            this.leave(wire, `no confirmation of ${[...wire.asked.keys()]}`);
        else if (silent > SILENCE && !this.patient) this.leave(wire, 'silence');
        else if (this.random.chance(0.5)) wire.send({ action: 'ping' });
        else if (this.random.chance(0.05) && wire.live.size > 0)
            wire.send({ action: 'unsubscribe', market_id: this.random.pick([...wire.live]) });
    }

    // --- What comes ---

    take(wire, text, message) {
        if (message.id !== undefined) this.takeEvent(wire, text, message);
        else if (message.type === 'welcome') this.subscribe(wire, this.random.shuffled(this.topics));
        else if (message.type === 'pong') this.takePong(wire, message.data.id);
        else if (message.type === 'error') this.takeError(wire, message.data);
        else if (message.data.message.startsWith('Subscribed')) this.takeConfirmation(wire, message);
        else this.takeFarewell(wire, message.market_id);
    }

    takeEvent(wire, text, message) {
        const { id, market_id: topic } = message;
        this.board.take(id, text, message, `${this.name}, ${wire.instance.story}`);
        if (!wire.live.has(topic)) this.complain('answers', `an event of a topic that is not subscribed: ${text}`, wire);
        this.stretches.get(topic)?.at(-1)?.events.push({ id, visit: wire.visit.number });
        this.newest.set(topic, this.board.events.get(id).key);
        this.points.set(topic, id);
    }

    takePong(wire, id) {
        this.board.counts.pongs++;
        for (const topic of wire.live) if (!(this.points.get(topic) > id)) this.points.set(topic, id);
    }

    takeError(wire, data) {
        if (data.code === 'unavailable') this.leave(wire, 'unavailable');
        else this.complain('answers', JSON.stringify(data), wire);
    }

    takeConfirmation(wire, { market_id: topic, data }) {
        const since = wire.asked.get(topic);
        wire.asked.delete(topic);
        wire.live.add(topic);
        if (since !== undefined) this.board.counts.resumes++;
        if (since !== undefined && data.recovered && data.id === since) return;
        if (since !== undefined) this.complain('refused', `${topic} since ${since}: ${JSON.stringify(data)}`, wire);
        this.stretches.get(topic).push({ begin: data.id, events: [] });
        this.points.set(topic, data.id);
    }

    get hasBegun() {
        return [...this.stretches.values()].every((stretches) => stretches.length > 0);
    }

    takeFarewell(wire, topic) {
        wire.live.delete(topic);
        this.subscribe(wire, [topic]);
    }

    // --- What is asked: all topics, in one of the ways there are ---

    subscribe(wire, topics) {
        wire.welcomed = true;
        wire.askedAt = Date.now();
        const points = topics.map((topic) => this.points.get(topic));
        for (const [i, topic] of topics.entries()) wire.asked.set(topic, points[i]);
        wire.visit.asked ??= Object.fromEntries(wire.asked);
        const known = topics.filter((_, i) => points[i] !== undefined);
        if (topics.length > 1 && known.length > 0 && points.every((point) => point === points[0]))
            wire.send({ action: 'subscribe', market_ids: topics, since: points[0] });
        else if (topics.length > 1 && this.random.chance(0.5)) {
            const since = Object.fromEntries(known.map((topic) => [topic, this.points.get(topic)]));
            wire.send({ action: 'subscribe', market_ids: topics, ...(known.length > 0 ? { since } : {}) });
        } else
            for (const [i, topic] of topics.entries())
                wire.send({ action: 'subscribe', market_id: topic, ...(points[i] ? { since: points[i] } : {}) });
    }
}

module.exports = { Board, Reader };

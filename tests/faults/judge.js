// SPDX-License-Identifier: MIT
// Compares what each reader got with what the server itself says was committed.
'use strict';

const { psql } = require('../integration/lib/psql.js');
const { keyOfLine } = require('./writers.js');

const SHOWN = 5; // findings of a kind

// What the slot `truth` holds, as the server's own decoder gives it: { keys: Map topic -> keys, rows, transactions }.
async function committed(url, topics) {
    const keys = new Map(topics.map((topic) => [topic, []]));
    const seen = { keys, rows: 0, transactions: 0 };
    const lines = await psql(
        url,
        `select replace(data, E'\\n', ' ')
         from pg_logical_slot_peek_changes('truth', null, null, 'skip-empty-xacts', '1', 'include-xids', '0')
         where data like 'COMMIT%' or data ~ $$'(${topics.join('|')})'$$`,
    );
    for (const line of lines) {
        if (line.startsWith('COMMIT')) seen.transactions++;
        const { topic, key } = keyOfLine(line) ?? {};
        if (!keys.has(topic)) continue;
        seen.rows++;
        keys.get(topic).push(key);
    }
    return seen;
}

class Verdict {
    constructor(board, truth) {
        Object.assign(this, { board, truth });
        this.findings = { lost: [], doubled: [], reordered: [], invented: [] };
        this.counts = { lost: 0, doubled: 0, reordered: 0, invented: 0 };
        this.compared = 0;
    }

    judge(reader) {
        for (const [topic, stretches] of reader.stretches)
            for (const [i, stretch] of stretches.entries())
                this.judgeStretch(reader, topic, stretch, i === 0, i === stretches.length - 1);
    }

    judgeStretch(reader, topic, { begin, events }, isFirst, isLast) {
        const { board } = this;
        const all = this.truth.get(topic);
        const seen = events.map(({ id, visit }) => ({ id, visit, key: board.events.get(id).key }));
        // An event that nobody has seen has no id: but those who are there from the start are to see it.
        const first = isFirst && reader.fromStart ? 0 : all.findIndex((key) => board.ids.get(key) > begin);
        const behind = isLast ? all.length : all.lastIndexOf(seen.at(-1)?.key) + 1;
        const expected = first < 0 ? [] : all.slice(first, Math.max(first, behind));
        this.compared += expected.length;

        const places = new Map(expected.map((key, place) => [key, place]));
        const came = new Set();
        let last = -1;
        let lastId = begin;
        for (const [i, { id, key }] of seen.entries()) {
            const place = places.get(key);
            const told = (kind) => this.tell(kind, reader, topic, seen, i, expected, place);
            if (came.has(key)) told('doubled');
            else if (place === undefined) told('invented');
            else if (place < last || !(id > lastId)) told('reordered');
            if (place !== undefined && !came.has(key)) last = Math.max(last, place);
            if (id > lastId) lastId = id;
            came.add(key);
        }
        for (const [place, key] of expected.entries()) if (!came.has(key)) this.tellLost(reader, topic, seen, expected, place);
    }

    tellLost(reader, topic, seen, expected, place) {
        if (this.findings.lost.length >= SHOWN) {
            this.counts.lost++;
            return;
        }
        const before = expected.slice(0, place).findLast((key) => seen.some((event) => event.key === key));
        const i = seen.findIndex(({ key }) => key === before);
        this.tell('lost', reader, topic, seen, i, expected, place);
    }

    tell(kind, reader, topic, seen, i, expected, place) {
        this.counts[kind]++;
        if (this.findings[kind].length >= SHOWN) return;
        const around = (list, at) => list.slice(Math.max(0, at - 2), at + 3);
        const visits = new Set(around(seen, i).map(({ visit }) => visit));
        for (const visit of [...visits]) visits.add(visit + 1);
        const shown = [...visits].map((visit) => reader.visits[visit]).filter(Boolean);
        const committed = place === undefined ? [] : around(expected, place);
        this.findings[kind].push(
            [
                `${reader.name}, topic ${topic}: ${place === undefined ? seen[i].key : expected[place]} is ${kind}`,
                `  committed${place === undefined ? ': never' : ` (from ${Math.max(0, place - 2)} on):`}`,
                ...committed.map((key) => `    ${key} = ${this.board.ids.get(key) ?? 'seen by nobody'}`),
                `  came (from ${Math.max(0, i - 2)} on):`,
                ...around(seen, i).map((event) => `    ${event.key} = ${event.id} in visit ${event.visit}`),
                ...shown.map((visit) => `  ${JSON.stringify({ ...visit, asked: visit.asked?.[topic] })}`),
            ].join('\n'),
        );
    }
}

module.exports = { committed, Verdict };

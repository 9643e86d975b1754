// SPDX-License-Identifier: MIT
// What a play with readers has around it: an end at which all is cleaned up, the wait for the last event, and the verdict as TAP.
'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Verdict } = require('./judge.js');

const CATCH_UP = 90; // seconds, in the end

const say = (text) => console.log(`# ${text}`);

async function within(seconds, condition) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) if (await condition()) return true;
    return false;
}

// Waits until every reader is subscribed to all it wants: each is to see what is written from here on.
async function begin(readers) {
    if (!(await within(30, () => readers.every((reader) => reader.hasBegun)))) throw new Error('not every reader could begin');
    for (const reader of readers) reader.fromStart = true;
}

// Waits until each has the last event of each topic; gives who has not.
async function catchUp(readers, keys) {
    const lacks = (reader) => reader.topics.filter((topic) => reader.newest.get(topic) !== keys.get(topic));
    const done = () => readers.every((reader) => lacks(reader).length === 0);
    if (await within(CATCH_UP, done)) {
        await sleep(500); // for what should not come
        return [];
    }
    const late = readers.filter((reader) => lacks(reader).length > 0);
    return late.map((reader) => `${reader.name} has not the end of ${lacks(reader)}: ${JSON.stringify(reader.visits.at(-1))}`);
}

// What must hold for the readers of a board: lists of [property, what was found against it].
function judge(board, readers, truth) {
    const verdict = new Verdict(board, truth.keys);
    for (const reader of readers) verdict.judge(reader);
    const { counts, findings } = verdict;
    const { connections, resumes, deliveries, pongs } = board.counts;
    say(`${truth.rows} rows in ${truth.transactions} transactions, ${board.events.size} events`);
    say(`${connections} connections, ${resumes} resumes, ${pongs} pongs`);
    say(`${deliveries} deliveries, of ${verdict.compared} expected`);
    say(`${counts.lost} lost, ${counts.doubled} doubled, ${counts.reordered} reordered, ${counts.invented} invented`);
    return [
        ['nothing is lost', findings.lost],
        ['nothing comes twice', findings.doubled],
        ['nothing comes out of order, and ids ascend', findings.reordered],
        ['nothing comes that was not committed', findings.invented],
        ['an event has the same id and the same bytes for everybody', board.faults.differing],
        ['every resume is recovered', board.faults.refused],
        ['nobody is told off', board.faults.answers],
    ];
}

// Prints them; true if nothing was found.
function tell(properties) {
    for (const [i, [name, found]] of properties.entries()) {
        console.log(`${found.length > 0 ? 'not ok' : 'ok'} ${i + 1} - ${name}`);
        for (const finding of found.slice(0, 3)) console.log(finding.replace(/^/gm, '    '));
        if (found.length > 3) console.log(`    and more (${found.length})`);
    }
    return properties.every(([, found]) => found.length === 0);
}

// Runs `main(owner)`, whose result says whether all was good, in a new folder of logs that is kept if it was not. Ends the process.
function play(logs, main) {
    const ends = [];
    const cleanUp = async () => {
        for (const step of ends.reverse()) await step().catch((error) => say(error.message));
    };
    fs.rmSync(logs, { recursive: true, force: true });
    fs.mkdirSync(logs, { recursive: true });
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cleanUp().finally(() => process.exit(1)));
    main({ after: (step) => ends.push(step) })
        .catch((error) => {
            console.log(`not ok - the play itself: ${error.stack}`);
            return false;
        })
        .then(async (good) => {
            if (!good) say(`logs: ${logs}`);
            await cleanUp();
            if (good) fs.rmSync(logs, { recursive: true, force: true });
            process.exit(good ? 0 : 1);
        });
}

module.exports = { say, within, begin, catchUp, judge, tell, play };

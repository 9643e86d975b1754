// SPDX-License-Identifier: MIT
// usage: see tests/bench/run. What clients that have stopped reading cost those that read.
'use strict';

const { Subject } = require('./fanout.js');

const READERS = 100;
const STOPPED = 10000;
const ROUNDS = 200;
const TURNS = 5;
const BUFFER = 4096; // of a stopped one, the least there is: all else waits in the server

const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// Microseconds of the server's CPU and of the clock that an event takes until all readers have it.
async function look(subject) {
    const { cpu, rate } = await subject.measure({ rounds: ROUNDS, batch: 1 });
    return { cpu: cpu * READERS, time: (READERS / rate) * 1e6 };
}

async function several(subject) {
    const looks = [];
    while (looks.length < TURNS) looks.push(await look(subject));
    return { cpu: middle(looks.map(({ cpu }) => cpu)), time: middle(looks.map(({ time }) => time)) };
}

async function slow({ say }) {
    const subject = await Subject.start('rowcast', { clients: READERS, topics: 1 });
    const readers = subject.load;
    try {
        await subject.measure({ rounds: ROUNDS, batch: 1 });
        const alone = await several(subject);
        await subject.join({ clients: STOPPED, topics: 1, buffer: BUFFER });
        const stopped = subject.load;
        subject.load = readers;
        await subject.measure({ rounds: ROUNDS, batch: 16 }); // more than may wait for them: they are parked
        const beside = await several(subject);
        await stopped.stop('SIGKILL');
        const after = await several(subject);
        const told = ({ cpu, time }) => `${time.toFixed(0)} us an event, ${cpu.toFixed(0)} us of the server's CPU`;
        say(`slow: ${READERS} readers alone:                ${told(alone)}`);
        say(`      beside ${STOPPED} that have stopped: ${told(beside)}`);
        say(`      when those have gone:             ${told(after)}`);
        const ratio = (part) => ((2 * beside[part]) / (alone[part] + after[part])).toFixed(2);
        say(`      stopped beside none: ${ratio('time')} of the time, ${ratio('cpu')} of the CPU`);
    } finally {
        await subject.stop();
    }
}

module.exports = { slow };

// SPDX-License-Identifier: MIT
// usage: see tests/bench/run. What must leave nothing behind: subscribing and unsubscribing, and messages.
'use strict';

const { Client } = require('../integration/lib/client.js');
const { Subject } = require('./fanout.js');

const MILLION = 1000000;
const TOPICS = 20; // at once of one client
const CLIENTS = 1000;
const SETTINGS = { ROWCAST_RATE: 'off', ROWCAST_HISTORY: '1MiB' };

// Subscribes to all topics and leaves them again, with names that were not there before, until it has done so `times` times.
async function comeAndGo(client, times) {
    for (let done = 0; done < times; done += TOPICS) {
        const topics = Array.from({ length: TOPICS }, (_, i) => `m${done + i}`);
        for (const action of ['subscribe', 'unsubscribe'])
            for (const topic of topics) client.send({ action, market_id: topic });
        for (let answers = 0; answers < 2 * TOPICS; answers++) await client.next();
    }
}

async function churn({ say }) {
    const subject = await Subject.start('rowcast', { clients: CLIENTS, topics: 1, settings: SETTINGS });
    const megabytes = () => (subject.tool.memory() / 1048576).toFixed(1);
    try {
        const client = await Client.connect(`ws://127.0.0.1:${subject.port}`, { plain: true });
        await client.next(); // the welcome
        await comeAndGo(client, MILLION / 20);
        await subject.measure({ rounds: 1000, batch: 8 }); // fills the history
        const memory = [megabytes()];
        await comeAndGo(client, MILLION);
        memory.push(megabytes());
        await subject.measure({ rounds: MILLION / CLIENTS, batch: 1 });
        memory.push(megabytes());
        say(`churn: ${memory[0]} MB of RSS; ${memory[1]} after a million subscribes and unsubscribes; ${memory[2]} after a million deliveries`);
        client.socket.terminate();
    } finally {
        await subject.stop();
    }
}

module.exports = { churn };

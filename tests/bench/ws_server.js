// SPDX-License-Identifier: MIT
// npm's ws as a yardstick of the fan-out: what raw.c does, with a buffer that is made once.
// usage: node ws_server.js SIZE     Prints its port; see raw.c.
'use strict';

const readline = require('node:readline');
const { WebSocketServer } = require('ws');

const payload = Buffer.alloc(Number(process.argv[2]) - 4, 'x'); // the frame's header has 4 bytes
const topics = new Map();
const market = /"market_id":"(m\d+)"/;

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', backlog: 4096, perMessageDeflate: false }, () =>
    console.log(server.address().port),
);
server.on('connection', (client) => {
    client.on('error', () => {});
    client.on('message', (message) => {
        const [, topic] = market.exec(message);
        if (!topics.has(topic)) topics.set(topic, []);
        topics.get(topic).push(client);
        client.send('Subscribed');
    });
});

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
    const [, topic] = market.exec(line);
    for (const client of topics.get(topic) ?? []) client.send(payload, { binary: false });
});
lines.on('close', () => process.exit(0));

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: node watch.js [--url URL] TOPIC...

Shows what happens at city:lisbon, site:alfama, bay:alfama/7 or car:AB-12, one line each. A lost connection is made again,
and what happened meanwhile is shown then.

  --url URL   of rowcast (default ws://127.0.0.1:4001)
  --help      this
`;

const { parseArgs } = require('node:util');
module.paths.push('/usr/share/nodejs'); // where Debian's package node-ws puts it
const WebSocket = require('ws');

const FATAL = [1002, 1003, 1007, 1009, 4001, 4003]; // close codes after which trying again is of no use
const HEARTBEAT = 20000; // milliseconds

// --- How events look ---

const describe = {
    site: ({ site, data }) => `${site} has ${data.free} free bays${data.bays?.length > 0 ? ` (bay ${data.bays})` : ''}`,
    site_closed: ({ site }) => `${site} is closed`,
    bay: ({ site, bay, data }) => `${site}/${bay} ${data.action}`,
    booking: ({ site, bay, data }) => `${site}/${bay} booking ${data.action} for ${data.hours} h`,
    car: ({ data }) => `you ${data.action} at ${data.site}/${data.bay}`,
    my_booking: ({ data }) => `your booking of ${data.booking.site}/${data.booking.bay} is ${data.action}`,
    announcement: ({ site, data }) => `${site}: “${data.text}”`,
};

function show(event) {
    const time = new Date(event.timestamp).toTimeString().slice(0, 8);
    console.log(`${time}  ${event.type.padEnd(12)}  ${describe[event.type]?.(event) ?? JSON.stringify(event)}`);
}

// --- The connection ---

const { values, positionals: topics } = (() => {
    try {
        const options = { url: { type: 'string', default: 'ws://127.0.0.1:4001' }, help: { type: 'boolean' } };
        return parseArgs({ options, allowPositionals: true });
    } catch (error) {
        console.error(`watch: ${error.message}; --help tells what there is`);
        process.exit(2);
    }
})();
if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
}
if (topics.length === 0) {
    console.error('watch: name what to watch, for example city:lisbon site:alfama');
    process.exit(2);
}

const seen = {}; // by topic: where to resume from
let newest; // id of the newest event
let failures = 0; // connections in a row that came to nothing

function receive({ type, topic, id, data, ...rest }) {
    if (type === 'error') {
        console.log(`rowcast says: ${data.error} (${data.code})`);
    } else if (type === 'watching') {
        if (seen[topic] && !data.complete) console.log(`too long away: events of ${topic} were missed`);
        seen[topic] = data.at;
    } else if (type === 'pong') {
        for (const each of topics) seen[each] = data.at; // everything up to here was received
    } else if (id !== undefined && id !== newest) {
        newest = id;
        show({ type, id, data, ...rest });
    }
}

function connect() {
    const socket = new WebSocket(values.url);
    let alive = true;
    const heartbeat = setInterval(() => {
        if (!alive) return socket.terminate();
        alive = false;
        if (socket.readyState === WebSocket.OPEN) socket.send('{"ping":true}');
    }, HEARTBEAT);
    socket.on('open', () => {
        failures = 0;
        for (const topic of topics) socket.send(JSON.stringify({ watch: topic, after: seen[topic] }));
    });
    socket.on('message', (bytes) => {
        alive = true;
        receive(JSON.parse(bytes));
    });
    socket.on('error', () => {}); // `close` follows
    socket.on('close', (code, reason) => {
        clearInterval(heartbeat);
        if (FATAL.includes(code)) {
            console.error(`watch: rowcast closed the connection: ${code} ${reason}`);
            process.exit(1);
        }
        const longest = Math.min(30000, 500 * 2 ** failures++);
        setTimeout(connect, longest * (0.5 + Math.random() / 2));
    });
}

process.stdout.on('error', () => process.exit(0)); // nobody looks any more
connect();

// SPDX-License-Identifier: MIT
// What the machine can hold: limits are raised, and said where they are too low.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const { describe, it } = require('node:test');
const { until } = require('./lib/expect.js');
const { serve, environment, BINARY, ROOT } = require('./lib/rowcast.js');

// Runs it under limits of descriptors, which this process does not have.
function limited(limits, args) {
    const options = { cwd: ROOT, env: environment({ ROWCAST_ADMIN: 'off' }), encoding: 'utf8' };
    return spawnSync('prlimit', [`--nofile=${limits}`, '--', BINARY, ...args], options);
}

describe('file descriptors', () => {
    it('are raised to what the process may have, which the number of clients follows', () => {
        const { stdout } = limited('200:1000', ['--print-config']);
        assert.match(stdout, /^max_connections += 936 /m);
        assert.match(stdout, /^# Descriptors: 1000, /m);
    });

    it('are said in the log when it serves', async (t) => {
        const rowcast = await serve(t);
        const line = await rowcast.logged('capacity');
        const metrics = await rowcast.metrics();
        assert.equal(line.files, metrics.process_max_fds);
        assert.ok(line.files_before <= line.files && line.max_connections === line.files - 64, JSON.stringify(line));
    });

    it('that are too few for the clients promised are told with the command', async (t) => {
        const rowcast = await serve(t, { args: ['--max-connections', '10000000'] });
        const { message } = await rowcast.logged('capacity_low', { limit: 'files' });
        assert.match(message, /ulimit -n 10000064/);
    });
});

describe('a router without a free descriptor', () => {
    it('turns newcomers away, says so, and counts the lines that it leaves out', async (t) => {
        const rowcast = await serve(t);
        const { pid } = rowcast.child;
        const client = await rowcast.connect();
        await until('lines are counted', async () => (await rowcast.status()).uptime_seconds >= 2);
        const { length: open } = fs.readdirSync(`/proc/${pid}/fd`);
        assert.equal(spawnSync('prlimit', ['--pid', pid, `--nofile=${open + 5}:`]).status, 0);
        let turnedAway = 0;
        for (let i = 0; i < 60; i++) {
            const guest = net.connect(rowcast.port, '127.0.0.1').on('error', () => {});
            rowcast.guests.push(guest.on('close', () => turnedAway++).resume());
        }
        await until('some are turned away', () => turnedAway >= 12);
        const { error } = await rowcast.logged('accept_failed');
        assert.match(error, /Too many open files/);
        const { count } = await rowcast.logged('repeated', { of: 'accept_failed' });
        const lines = rowcast.lines('accept_failed').length;
        assert.ok(lines <= 3 * 2 && count > 0, `${lines} lines, ${count} left out`);
        client.send({ action: 'ping' });
        await client.expect({ type: 'pong' });
    });
});

describe('memory', () => {
    it('is estimated by --print-config', () => {
        const few = limited('2000:2000', ['--print-config', '--max-connections', '1000']).stdout;
        assert.match(few, /^# Memory, estimated: [\d.]+ MiB without clients/m);
        assert.match(few, /with 1000 idle clients/);
        assert.match(few, /GiB if all of them had all they may/);
    });

    it('that the machine does not have is told', async (t) => {
        const rowcast = await serve(t, { args: ['--history', '1024GiB'] });
        const { message } = await rowcast.logged('capacity_low', { limit: 'memory' });
        assert.match(message, /1\.3 TiB|13\d\d(\.\d)? GiB/);
    });
});

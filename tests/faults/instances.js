// SPDX-License-Identifier: MIT
// Routers that are killed, stopped and started, and the server behind them. What is done to each is done one after the other.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { serve } = require('../integration/lib/rowcast.js');
const { Server } = require('../integration/lib/server.js');

const READY_IN = 1000; // milliseconds for an answer of /ready

class Queue {
    constructor() {
        this.last = Promise.resolve();
    }

    add(work) {
        this.last = this.last.then(work);
        this.last.catch(() => {});
        return this.last;
    }
}

class Instance {
    // `story`: the name and how often it was started.
    constructor(owner, name, settings, logs) {
        Object.assign(this, { owner, name, settings, logs });
        this.starts = 0;
        this.story = name;
        this.queue = new Queue();
        this.complaints = [];
    }

    async start() {
        const { DATABASE_URL, ROWCAST_SLOT, ...env } = this.settings;
        this.rowcast = undefined;
        const rowcast = await serve(this.owner, { database: { settings: { DATABASE_URL, ROWCAST_SLOT } }, env });
        this.story = `${this.name}.${++this.starts}`;
        const file = path.join(this.logs, `${this.story}.log`);
        rowcast.child.on('exit', (code, signal) => {
            if (!rowcast.ending) this.complaints.push(`${file}: it ended by itself with ${code ?? signal}`);
        });
        rowcast.child.on('close', () => fs.writeFileSync(file, logOf(rowcast)));
        this.url = rowcast.url;
        this.rowcast = rowcast;
    }

    end(how) {
        const { rowcast } = this;
        this.rowcast = undefined;
        rowcast.ending = true;
        return how(rowcast).catch((error) => this.complaints.push(`${this.story}: ${error.message}`));
    }

    kill() {
        return this.end((rowcast) => rowcast.kill());
    }

    // Ends as asked, with status 0 and without a sanitizer's complaint.
    stop() {
        return this.end((rowcast) => rowcast.stop());
    }

    async freeze(milliseconds) {
        this.rowcast.signal('SIGSTOP');
        await sleep(milliseconds);
        this.rowcast.signal('SIGCONT');
    }

    reload() {
        this.rowcast.signal('SIGHUP');
    }

    // Would a load balancer send somebody there?
    isReady() {
        if (!this.rowcast) return false;
        return new Promise((resolve) => {
            const address = `${this.url.replace('ws', 'http')}/ready`;
            const request = http.get(address, { agent: false, timeout: READY_IN }, (response) => {
                response.resume();
                resolve(response.statusCode === 200);
            });
            request.on('timeout', () => request.destroy());
            request.on('error', () => resolve(false));
        });
    }
}

function logOf(rowcast) {
    return [...rowcast.log.map((line) => JSON.stringify(line)), ...rowcast.strays].map((line) => `${line}\n`).join('');
}

// A server on a port that the kernel gives to nobody while it is down.
class Restartable extends Server {
    static async begin(owner, random, settings) {
        let port;
        do port = random.whole(20000, 31999);
        while (await isTaken(port));
        const server = new Restartable(port);
        owner.after(() => server.remove());
        server.command('initdb', ['-D', server.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
        await server.start(settings);
        server.queue = new Queue();
        return server;
    }

    async restart(mode, pause) {
        await this.stop(mode);
        await sleep(pause);
        await this.start();
    }
}

function isTaken(port) {
    return new Promise((resolve) => {
        const probe = net.createServer();
        probe.on('error', () => resolve(true));
        probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)));
    });
}

module.exports = { Instance, Restartable };

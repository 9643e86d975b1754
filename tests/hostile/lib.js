// SPDX-License-Identifier: MIT
// What the rows of the table are made of: requests and frames go to a server, and what comes back is put in a few words.
'use strict';

const assert = require('node:assert/strict');
const { until } = require('../integration/lib/expect.js');
const { serve, scriptFolder } = require('../integration/lib/rowcast.js');
const { Raw, frame, upgradeRequest } = require('../integration/lib/raw.js');
const kernel = require('./process.js');

const ECHO = 'examples/echo/scripts';
const DEFLATE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const FENCE = 'behind all of it';
const MIB = 1 << 20;

// An echo that logs who comes and goes, raises at 'raise', and closes at 'close'.
const WATCHED = `return {
  connect = function() rowcast.log("info", "came") end,
  message = function(_, payload, binary)
    if payload == "raise" then error("as told") end
    if payload == "close" then return { { send = payload }, { close = 4000 } } end
    return { send = payload, binary = binary }
  end,
  disconnect = function(_, code) rowcast.log("info", "went " .. code) end,
}`;

// Equal neighbours are said once.
const inWords = (seen) => [seen].flat().filter((one, at, all) => one !== all[at - 1]).join(', ');

class Wire {
    constructor(t, rowcast) {
        this.t = t;
        this.rowcast = rowcast;
    }

    get pid() {
        return this.rowcast.child.pid;
    }

    // Another server, for this row only.
    async serve({ scripts = ECHO, ...options } = {}) {
        return new Wire(this.t, await serve(this.t, { scripts, ...options })).warm();
    }

    // What each of its threads opens with its first connection is opened now.
    async warm() {
        await Promise.all(Array.from({ length: 40 }, () => this.rowcast.get('/health')));
        return this;
    }

    serveWatched(options = {}) {
        const files = { 'client.lua': WATCHED, 'config.lua': 'return { rate = "off" }' };
        return this.serve({ ...options, scripts: scriptFolder(this.t, { files }) });
    }

    connect() {
        return this.rowcast.raw();
    }

    async client(target, headers) {
        return this.rowcast.host(await Raw.upgrade(this.rowcast.port, target, headers));
    }

    clients(count, headers) {
        return Promise.all(Array.from({ length: count }, () => this.client('/', headers)));
    }

    // --- HTTP ---

    // What each request is answered.
    async http(...requests) {
        const seen = [];
        for (const request of requests) {
            const raw = await this.connect();
            raw.send(typeof request === 'string' ? Buffer.from(request, 'latin1') : request);
            seen.push(await this.answer(raw));
        }
        return inWords(seen);
    }

    // The answer that comes, which is all that comes unless it is 101. A refusal says how, and ends the connection.
    async answer(raw) {
        const { status, headers, body } = await raw.response();
        const extended = headers['sec-websocket-extensions'];
        if (extended !== undefined) assert.equal(extended, DEFLATE);
        if (status === 101) {
            raw.destroy();
            const agreed = [headers['sec-websocket-protocol'], extended && 'permessage-deflate'].filter(Boolean);
            return agreed.length === 0 ? '101' : `101 with ${agreed.join(' and ')}`;
        }
        assert.equal(extended, undefined);
        if (status >= 400) assert.match(body, /^\d+ .+\n.+\n/);
        if (status === 426) assert.deepEqual([headers.upgrade, headers['sec-websocket-version']], ['websocket', '13']);
        await raw.expectEnd();
        return String(status);
    }

    // --- Frames ---

    // What comes back for these bytes, sent by a new client: 'echoed' stands for the frames in `echoes`. Bytes in which no
    // frame is open at the end are followed by a fence, whose echo says that there is no more.
    async say(bytes, { echoes = [], open = false, raw } = {}) {
        raw ??= await this.client();
        const all = [bytes].flat();
        raw.send(Buffer.concat(open ? all : [...all, frame('text', FENCE)]));
        const seen = [];
        const expected = [...echoes];
        for (;;) {
            const { kind, payload } = await raw.frame();
            if (kind === 'text' && payload.equals(Buffer.from(FENCE))) break;
            if (kind === 'close') {
                seen.push(payload.length ? `Close ${payload.readUInt16BE(0)}` : 'Close');
                await raw.expectEnd();
                return inWords(seen);
            }
            if (kind === 'text' || kind === 'binary') assert.deepEqual(payload, Buffer.from(expected.shift()), 'an echo');
            seen.push(kind === 'pong' ? kind : 'echoed');
        }
        raw.destroy();
        assert.deepEqual(expected, [], 'echoes that did not come');
        return inWords(seen) || 'nothing';
    }

    // The same for each of several.
    async sayEach(list, options) {
        const seen = [];
        for (const bytes of list) seen.push(await this.say(bytes, options));
        return inWords(seen);
    }

    // --- The process ---

    async settle(what, count) {
        const seen = () => kernel.descriptors(this.pid);
        await until(what, () => seen() <= count, () => `${seen()} descriptors instead of ${count}`);
    }

    descriptors() {
        return kernel.descriptors(this.pid);
    }

    // `work` may leave the server larger by `bytes` while it is under way, and afterwards. With a sanitizer sizes say nothing.
    async grows(bytes, work) {
        const before = kernel.resident(this.pid);
        const result = await work();
        const grown = kernel.resident(this.pid) - before;
        this.t.diagnostic(`memory: ${before >> 10} KiB, grown by ${grown >> 10} KiB`);
        if (!kernel.sanitized(this.pid)) assert.ok(grown <= bytes, `it grew by ${grown} bytes, more than ${bytes}`);
        return result;
    }

    // Seconds of computing that `work` took of the server.
    async costs(work) {
        const before = kernel.computed(this.pid);
        await work();
        return kernel.computed(this.pid) - before;
    }

    // Log lines of the watched script.
    logged(pattern) {
        return this.rowcast.log.filter((line) => line.event === 'script_log' && pattern.test(line.message));
    }

    // Everybody who came has gone, each once.
    async allGone(count) {
        await until('everybody has gone', () => this.logged(/^went/).length >= count, () => this.rowcast.story);
        assert.deepEqual([this.logged(/^came/).length, this.logged(/^went/).length], [count, count]);
        assert.equal(kernel.waitingForClose(this.rowcast.port), 0, 'CLOSE_WAIT');
    }
}

// Waits until the connection has ended, however.
async function ended(raw) {
    await until('the end of the connection', () => raw.ending, () => raw.seen);
    return raw.ending;
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const get = (target, headers = '') => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

module.exports = { DEFLATE, Wire, ended, sleep, hex, get, inWords, upgradeRequest, kernel, ECHO, MIB };

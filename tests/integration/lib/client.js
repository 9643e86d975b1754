// SPDX-License-Identifier: MIT
// A WebSocket client that reads as a transcript: send this, expect that.
'use strict';

const assert = require('node:assert/strict');
module.paths.push('/usr/share/nodejs'); // where Debian's package node-ws puts it
const WebSocket = require('ws');
const { until, inTime, assertMatches, patternText, TIME, ID } = require('./expect.js');

const TOLD = 12; // lines of the transcript that a failure shows

class Client {
    // Resolves when the connection is open. `plain`: another protocol is spoken, messages are not looked at. Other options:
    // `path`, `protocols`, and those of ws.
    static async connect(url, options = {}) {
        const client = new Client(url, options);
        await inTime(`a connection to ${url}`, client.opened);
        return client;
    }

    constructor(url, { path = '', protocols = [], plain = false, ...options } = {}) {
        this.plain = plain;
        this.messages = []; // not yet expected
        this.lines = []; // the newest lines of the transcript
        this.lineCount = 0;
        this.pings = 0;
        this.wake = () => {};
        this.socket = new WebSocket(url + path, protocols, { perMessageDeflate: false, ...options });
        this.opened = new Promise((resolve, reject) => {
            this.socket.on('open', resolve);
            this.socket.on('error', reject);
            this.socket.on('unexpected-response', (_, response) => {
                reject(Object.assign(new Error(`no upgrade but ${response.statusCode}`), { status: response.statusCode }));
                response.destroy();
            });
        });
        this.opened.catch(() => {});
        this.ended = new Promise((resolve) => {
            this.socket.on('close', (code, reason) => {
                this.note('<-', `close ${code} ${reason}`);
                this.isClosed = true;
                resolve({ code, reason: String(reason) });
                this.wake();
            });
        });
        this.socket.on('ping', () => this.pings++);
        this.socket.on('message', (bytes, binary) => this.take(bytes, binary));
    }

    take(bytes, binary) {
        const text = binary ? `binary ${bytes.toString('hex')}` : String(bytes);
        this.note('<-', text);
        if (this.plain) this.messages.push(binary ? bytes : text);
        else this.messages.push(this.read(text, binary));
        this.wake();
    }

    // What holds for every message of the shipped scripts.
    read(text, binary) {
        let message;
        try {
            message = JSON.parse(text);
            assert.ok(!binary && typeof message.type === 'string' && TIME.test(message.timestamp), 'no type or no timestamp');
            assert.ok(typeof message.data === 'object' && message.data !== null && !Array.isArray(message.data), 'no data');
            if (message.id !== undefined) assert.match(message.id, ID);
        } catch (error) {
            this.failure ??= new assert.AssertionError({
                message: `a message without a message's shape (${error.message}): ${text}`,
            });
        }
        return message;
    }

    note(arrow, text) {
        this.lineCount++;
        this.lines.push(`    ${arrow} ${text.length > 1000 ? `${text.slice(0, 1000)}… (${text.length})` : text}`);
        if (this.lines.length > TOLD) this.lines.shift();
    }

    get transcript() {
        const left = this.lineCount - this.lines.length;
        return `the transcript${left > 0 ? `, after ${left} lines` : ''}:\n${this.lines.join('\n')}`;
    }

    // --- Sending ---

    // A string or a Buffer (a binary frame) as it is, anything else as JSON.
    send(message, options) {
        const bytes = typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message);
        this.note('->', Buffer.isBuffer(bytes) ? `binary ${bytes.toString('hex')}` : bytes);
        this.socket.send(bytes, options);
    }

    // --- Expecting ---

    // The next message, in order.
    async next(what = 'a message', seconds = undefined) {
        await inTime(what, this.arrived(1), () => this.transcript, seconds);
        if (this.failure) throw this.failure;
        if (this.messages.length === 0) assert.fail(`the connection was closed before ${what}\n${this.transcript}`);
        return this.messages.shift();
    }

    // Resolves when so many messages wait to be expected, or no more will come.
    arrived(count) {
        return new Promise((resolve) => {
            this.wake = () => {
                if (this.messages.length >= count || this.isClosed || this.failure) resolve();
            };
            this.wake();
        });
    }

    // The next message must be like the pattern; see expect.js.
    async expect(pattern) {
        const message = await this.next(`a message like ${patternText(pattern)}`);
        assertMatches(message, pattern, this.transcript);
        return message;
    }

    // Nothing but the answer to a ping comes: what the server had to say before has all been expected. Gives the position.
    async expectNothing() {
        this.send({ action: 'ping' });
        const pong = await this.expect({ type: 'pong', data: { id: ID } });
        return pong.data.id;
    }

    // The next `count` messages are events, each once and in order. Gives them.
    async events(count) {
        await inTime(`${count} events`, this.arrived(count), () => `${this.messages.length} came\n${this.transcript}`);
        if (this.failure) throw this.failure;
        const events = this.messages.splice(0, count);
        for (const event of events)
            assertMatches(event, { id: ID, market_id: (id) => typeof id === 'string' }, this.transcript);
        assert.equal(events.length, count, `the connection was closed; ${this.transcript}`);
        return events;
    }

    // Subscribes, and gives the confirmation's data.
    async subscribe(market, options = {}) {
        this.send({ action: 'subscribe', market_id: market, ...options });
        return this.subscribed(market);
    }

    async subscribed(market) {
        const message = `Subscribed to market ${market}`;
        const { data } = await this.expect({ type: 'market_state', market_id: market, data: { message, id: ID } });
        return data;
    }

    async welcome() {
        const { data } = await this.expect({ type: 'welcome' });
        this.id = data.client_id;
        return this;
    }

    // --- The end ---

    // How the connection ended, once it has.
    closed() {
        return inTime('the end of the connection', this.ended, () => this.transcript);
    }

    async expectClosed(code) {
        const seen = await this.closed();
        assert.equal(seen.code, code, `closed with ${seen.code} '${seen.reason}', not ${code}\n${this.transcript}`);
        return seen;
    }

    close(code, reason) {
        this.note('->', `close ${code ?? ''} ${reason ?? ''}`);
        this.socket.close(code, reason);
        return this.closed();
    }

    // Cuts the connection without a word.
    terminate() {
        this.socket.terminate();
    }

    // Stops reading: what the server sends piles up.
    pause() {
        this.socket.pause();
    }

    resume() {
        this.socket.resume();
    }

    async pinged(count) {
        await until(
            `${count} pings`,
            () => this.pings >= count || this.isClosed,
            () => `${this.pings} came\n${this.transcript}`,
        );
        assert.ok(!this.isClosed, `the connection was closed after ${this.pings} pings\n${this.transcript}`);
    }
}

module.exports = { Client, WebSocket };

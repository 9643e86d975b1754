// SPDX-License-Identifier: MIT
// A TCP connection that says what well-behaved clients do not: any bytes, any frames, silence.
'use strict';

const assert = require('node:assert/strict');
const net = require('node:net');
const { until } = require('./expect.js');

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='; // of KEY, RFC 6455 section 1.3

// The bytes of a frame as a client sends it. A payload longer than `length` says is a header's lie.
function frame(kind, payload = '', { fin = true, rsv = 0, mask = true, length } = {}) {
    const bytes = Buffer.from(payload);
    const size = length ?? bytes.length;
    const head = [(fin ? 0x80 : 0) | (rsv << 4) | (OPCODES[kind] ?? kind)];
    const masked = mask ? 0x80 : 0;
    if (size < 126) head.push(masked | size);
    else if (size < 65536) head.push(masked | 126, size >> 8, size & 0xff);
    else head.push(masked | 127, ...Buffer.from(BigInt(size).toString(16).padStart(16, '0'), 'hex'));
    if (!mask) return Buffer.concat([Buffer.from(head), bytes]);
    const key = [0x12, 0x34, 0x56, 0x78];
    return Buffer.concat([Buffer.from([...head, ...key]), bytes.map((byte, at) => byte ^ key[at % 4])]);
}

function closePayload(code, reason = '') {
    return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

// The bytes of an upgrade request; `headers` replace the usual ones (undefined: left out).
function upgradeRequest(target = '/', headers = {}, line = `GET ${target} HTTP/1.1`) {
    const all = {
        Host: 'localhost',
        Upgrade: 'websocket',
        Connection: 'Upgrade',
        'Sec-WebSocket-Key': KEY,
        'Sec-WebSocket-Version': '13',
        ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
    const text = lines.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${line}\r\n${text.join('')}\r\n`;
}

class Raw {
    constructor(port) {
        this.chunks = [];
        this.ending = undefined; // 'fin' or what went wrong
        this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
        this.socket.on('data', (bytes) => this.chunks.push(bytes));
        this.socket.on('end', () => (this.ending ??= 'fin'));
        this.socket.on('error', (error) => (this.ending ??= error.code));
        this.socket.on('close', () => (this.ending ??= 'closed'));
    }

    static async connect(port) {
        const raw = new Raw(port);
        await until('a TCP connection', () => raw.ending || !raw.socket.connecting);
        assert.equal(raw.ending, undefined, `port ${port} cannot be reached: ${raw.ending}`);
        return raw;
    }

    // Connects and upgrades; the welcome is still to come.
    static async upgrade(port, target = '/', headers = {}) {
        const raw = await Raw.connect(port);
        raw.send(upgradeRequest(target, headers));
        const response = await raw.response();
        assert.equal(response.status, 101, `no upgrade but ${response.status}: ${response.body}`);
        assert.equal(response.headers['sec-websocket-accept'], ACCEPT);
        return raw;
    }

    // What came and was not yet expected.
    get bytes() {
        if (this.chunks.length !== 1) this.chunks = [Buffer.concat(this.chunks)];
        return this.chunks[0];
    }

    set bytes(bytes) {
        this.chunks = [bytes];
    }

    send(bytes) {
        this.socket.write(bytes);
    }

    // One byte a segment.
    async sendSlowly(bytes) {
        for (const byte of Buffer.from(bytes)) {
            await new Promise((resolve) => {
                this.socket.write(Buffer.from([byte]), resolve);
            });
            await new Promise(setImmediate);
        }
    }

    get seen() {
        const text = JSON.stringify(this.bytes.toString('latin1').slice(0, 400));
        return `seen: ${this.bytes.length} bytes ${text}, ${this.ending ?? 'open'}`;
    }

    // Waits until `parse` finds something at the front of what came, and takes it off.
    async take(what, parse) {
        let found;
        await until(
            what,
            () => (found = parse()) || this.ending,
            () => this.seen,
        );
        found ??= parse();
        assert.ok(found, `the connection ended before ${what}; ${this.seen}`);
        this.bytes = this.bytes.subarray(found.size);
        return found;
    }

    response() {
        return this.take('an HTTP response', () => {
            const text = this.bytes.toString('latin1');
            const end = text.indexOf('\r\n\r\n');
            if (end < 0) return undefined;
            const [first, ...lines] = text.slice(0, end).split('\r\n');
            const headers = Object.fromEntries(
                lines.map((line) => [line.split(':')[0].toLowerCase(), line.replace(/^[^:]*: */, '')]),
            );
            const length = Number(headers['content-length'] ?? 0);
            if (text.length < end + 4 + length) return undefined;
            const body = text.slice(end + 4, end + 4 + length);
            return { status: Number(first.split(' ')[1]), line: first, headers, body, size: end + 4 + length };
        });
    }

    // The next frame: { opcode, kind, fin, payload }.
    anyFrame() {
        return this.take('a frame', () => {
            const { bytes } = this;
            if (bytes.length < 2) return undefined;
            assert.equal(bytes[1] & 0x80, 0, `a server's frame must not be masked; ${this.seen}`);
            assert.equal(bytes[0] & 0x70, 0, `reserved bits are set; ${this.seen}`);
            const short = bytes[1] & 0x7f;
            const start = short === 126 ? 4 : short === 127 ? 10 : 2;
            if (bytes.length < start) return undefined;
            const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
            if (bytes.length < start + length) return undefined;
            const opcode = bytes[0] & 0x0f;
            const kind = Object.keys(OPCODES).find((name) => OPCODES[name] === opcode);
            const payload = Buffer.from(bytes.subarray(start, start + length));
            return { opcode, kind, fin: (bytes[0] & 0x80) !== 0, payload, size: start + length };
        });
    }

    // The next that is no heartbeat, which may come at any time.
    async frame() {
        let seen;
        do seen = await this.anyFrame();
        while (seen.kind === 'ping');
        return seen;
    }

    async expectFrame(kind, payload) {
        const seen = await (kind === 'ping' ? this.anyFrame() : this.frame());
        assert.equal(seen.kind, kind, `a ${kind} frame is expected, not ${seen.kind} ${seen.payload}`);
        if (payload !== undefined) assert.deepEqual(seen.payload, Buffer.from(payload));
        return seen;
    }

    async expectMessage() {
        return JSON.parse((await this.expectFrame('text')).payload);
    }

    async welcome() {
        assert.equal((await this.expectMessage()).type, 'welcome');
        return this;
    }

    // A Close with this code (undefined: without one), and then the end of what the server says.
    async expectClose(code) {
        const { payload } = await this.expectFrame('close');
        const seen = payload.length >= 2 ? payload.readUInt16BE(0) : undefined;
        assert.equal(seen, code, `closed with ${seen} '${payload.subarray(2)}', not ${code}`);
        await this.expectEnd();
    }

    // The server closes without another byte.
    async expectEnd() {
        await until(
            'the end of the connection',
            () => this.ending,
            () => this.seen,
        );
        assert.equal(this.bytes.length, 0, `bytes before the end; ${this.seen}`);
        this.socket.destroy();
    }

    destroy() {
        this.socket.destroy();
    }

    // Ends the connection with a RST.
    reset() {
        this.socket.resetAndDestroy();
    }
}

module.exports = { Raw, frame, closePayload, upgradeRequest };

// SPDX-License-Identifier: MIT
// One stream of bytes, two echo servers: what each made of it, and where they may differ.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { WebSocketServer } = require('ws');
const { until, atEnd } = require('../integration/lib/expect.js');
const { Raw, upgradeRequest } = require('../integration/lib/raw.js');

// An echo by `ws`: its port.
async function serveWs(owner, maxPayload) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload, perMessageDeflate: false });
    server.on('connection', (socket) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
        socket.on('error', () => {}); // it has sent its Close
    });
    atEnd(owner, () => new Promise((resolve) => server.close(resolve)));
    await once(server, 'listening');
    return server.address().port;
}

// What a server makes of it: { echoes, pongs, end, reason }. Behind the segments the client says no more, so that the server ends
// the connection in any case. Echoes come through the script and pongs do not: only the order of each is given.
async function outcome(port, segments) {
    const raw = await Raw.connect(port);
    raw.send(upgradeRequest());
    for (const segment of segments) {
        raw.send(segment);
        await sleep(1); // mostly it is a segment of its own
    }
    raw.socket.end();
    await until('the end of the connection', () => raw.ending, () => raw.seen);
    raw.destroy();
    assert.equal((await raw.response()).status, 101);
    const seen = { echoes: [], pongs: [], end: raw.ending === 'fin' ? 'no Close' : raw.ending, reason: '' };
    while (raw.bytes.length > 0) {
        const { kind, payload } = await raw.anyFrame();
        if (kind === 'ping') continue; // a heartbeat
        if (kind !== 'close') {
            seen[kind === 'pong' ? 'pongs' : 'echoes'].push(`${kind} ${payload.toString('hex')}`);
            continue;
        }
        assert.equal(raw.bytes.length, 0, `bytes behind the Close; ${raw.seen}`);
        seen.end = payload.length === 0 ? 'Close' : `Close ${payload.readUInt16BE(0)}`;
        seen.reason = payload.subarray(2).toString('hex');
    }
    return seen;
}

// The frames of a stream, as far as their headers are there: what rules are about.
function frames(bytes) {
    const all = [];
    for (let at = 0; at + 2 <= bytes.length; ) {
        const [first, second] = [bytes[at], bytes[at + 1]];
        const short = second & 0x7f;
        const start = at + { 126: 4, 127: 10 }[short] || at + 2;
        const length = readLength(bytes.subarray(at + 2, start), short);
        const key = bytes.subarray(start, start + 4);
        const end = length === undefined ? bytes.length : Math.min(bytes.length, start + 4 + Number(length));
        const payload = bytes.subarray(start + 4, end).map((byte, i) => byte ^ key[i % 4]);
        all.push({ at, opcode: first & 0x0f, short, length, payload });
        at = end;
        if (length === undefined || bytes.length < start + 4) break;
    }
    return all;
}

function readLength(bytes, short) {
    if (short < 126) return BigInt(short);
    if (bytes.length < (short === 126 ? 2 : 8)) return undefined;
    return short === 126 ? BigInt(bytes.readUInt16BE(0)) : bytes.readBigUInt64BE(0);
}

// What may follow a character that has begun, whichever.
const ENDS = ['', '80', '8080', 'bf80', '808080', 'bf8080'].map((digits) => Buffer.from(digits, 'hex'));

function isText(bytes) {
    try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        return true;
    } catch {
        return false;
    }
}

// Can these bytes still become text?
const mayBeText = (bytes) => ENDS.some((end) => isText(Buffer.concat([bytes, end])));

// --- Where we are stricter than `ws` ---
//
// Each finds the first frame that we refuse and `ws` does not, or not yet, or with another code. That we are right to
// differ is then proved: up to that frame `ws` must have answered as we did, and found nothing to refuse.

const CONTINUATION = 0;
const TEXT = 1;
const CLOSE = 8;

const rules = [
    {
        theirs: 'takes lengths that are not written in the shortest way',
        reason: 'RFC 6455 section 5.2: the minimal number of bytes must be used',
        code: 1002,
        find: (all) => all.find(({ short, length }) => length < { 126: 126n, 127: 65536n }[short]),
    },
    {
        theirs: 'calls a length with its top bit set a message too big',
        reason: 'section 5.2: the most significant bit must be 0',
        code: 1002,
        find: (all) => all.find(({ length }) => length >= 1n << 63n),
    },
    {
        theirs: 'looks at a text when it is whole',
        reason: 'section 8.1: at the first byte that cannot be text',
        code: 1007,
        find(all) {
            let text; // of the message, as far as it has come
            return all.find(({ opcode, payload }) => {
                if (opcode >= CLOSE) return false;
                if (opcode === TEXT) text = payload;
                else if (opcode === CONTINUATION && text) text = Buffer.concat([text, payload]);
                else text = undefined;
                return text && !mayBeText(text);
            });
        },
    },
    {
        theirs: 'waits for the one byte of a Close',
        reason: 'section 5.5.1: at its header, since a body has at least two',
        code: 1002,
        find: (all) => all.find(({ opcode, short, payload }) => opcode === CLOSE && short === 1 && payload.length === 0),
    },
];

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// The rule by which we may differ from `ws`, if there is one.
async function excuse(segments, ours, port) {
    const bytes = Buffer.concat(segments);
    const all = frames(bytes);
    const found = rules.map((rule) => ({ rule, frame: rule.find(all) })).filter(({ frame }) => frame);
    for (const { rule, frame } of found) {
        const before = await outcome(port, [bytes.subarray(0, frame.at)]);
        if (before.end === 'no Close' && same({ ...before, end: `Close ${rule.code}` }, ours)) return rule;
    }
    return undefined;
}

module.exports = { rules, serveWs, outcome, excuse, same };

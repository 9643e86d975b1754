// SPDX-License-Identifier: MIT
// Frames and messages.
'use strict';

const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { hex, inWords, kernel, sleep, upgradeRequest, DEFLATE, MIB } = require('../lib.js');
const { frame, closePayload } = require('../../integration/lib/raw.js');

const CAP = 16 * MIB;
const text = (payload, options) => frame('text', payload, options);
const close = (code, reason) => frame('close', closePayload(code, reason));
const begun = (payload) => text(payload, { fin: false });
const more = (payload, fin = false) => frame('continuation', payload, { fin });
const bytewise = (bytes) => Array.from(bytes, (_, i) => frame(i === 0 ? 'text' : 'continuation', bytes.subarray(i, i + 1), { fin: i === bytes.length - 1 }));

// A client that has agreed to compress.
async function offering(wire) {
    const raw = await wire.connect();
    raw.send(upgradeRequest('/', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }));
    const { status, headers } = await raw.response();
    assert.deepEqual([status, headers['sec-websocket-extensions']], [101, DEFLATE]);
    return raw;
}

async function compressed(wire, ...frames) {
    const seen = [];
    for (const one of frames) seen.push(await wire.say(one, { raw: await offering(wire), open: true }));
    return inWords(seen);
}

// As a message of permessage-deflate has it: without the four bytes of the last, empty block.
const deflated = (bytes) => zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);

// A block of a megabyte of zeros that needs none of the others.
const zeros = () => zlib.deflateRawSync(Buffer.alloc(MIB), { finishFlush: zlib.constants.Z_FULL_FLUSH });

exports.title = 'Frames';
exports.rows = [
    { id: 'C1', input: 'unmasked text, ping, close', answer: 'Close 1002', run: (wire) => wire.sayEach([text('x', { mask: false }), frame('ping', 'x', { mask: false }), frame('close', closePayload(1000), { mask: false })]) },
    { id: 'C2', input: 'RSV1, RSV2, RSV3', answer: 'Close 1002', run: (wire) => wire.sayEach([1, 2, 4, 7].map((rsv) => text('x', { rsv }))) },
    { id: 'C3', input: 'RSV1 on ping, close, continuation', answer: 'Close 1002', run: (wire) => compressed(wire, frame('ping', 'x', { rsv: 4 }), frame('close', closePayload(1000), { rsv: 4 }), Buffer.concat([begun('x'), frame('continuation', 'x', { rsv: 4 })])) },
    { id: 'C4', input: 'RSV1 with garbage', answer: 'Close 1007', run: (wire) => compressed(wire, text('garbage', { rsv: 4 })) },
    { id: 'C5', input: 'RSV1 with compressed bytes that are not UTF-8', answer: 'Close 1007', run: (wire) => compressed(wire, text(deflated(hex('c328')), { rsv: 4 })) },
    {
        id: 'C6',
        input: 'RSV1 with BFINAL=1, `0x00`, nothing',
        answer: 'echoed',
        run: async (wire) => wire.say(['f348cdc9c9070000', '00', ''].map((digits) => text(hex(digits), { rsv: 4 })), { raw: await offering(wire), echoes: ['Hello', '', ''] }),
    },
    { id: 'C7', input: 'an uncompressed message from who offered compression', answer: 'echoed', run: async (wire) => wire.say(text('plain'), { raw: await offering(wire), echoes: ['plain'] }) },
    {
        id: 'C8',
        input: 'a bomb: 1 GiB of zeros in 1 MB, as a frame and in fragments',
        answer: 'Close 1009',
        run: (wire) => {
            const bomb = Buffer.concat(Array(1024).fill(zeros()));
            const pieces = Array.from({ length: 64 }, (_, i) => more(bomb.subarray((i * bomb.length) / 64, ((i + 1) * bomb.length) / 64)));
            return wire.grows(8 * MIB, () => compressed(wire, text(bomb, { rsv: 4 }), Buffer.concat([text('', { rsv: 4, fin: false }), ...pieces, more('', true)])));
        },
    },
    {
        id: 'C9',
        input: 'a message of `max_message`; one and two bytes more',
        answer: 'echoed, Close 1009',
        async run(wire) {
            const whole = Buffer.alloc(CAP, 'x');
            const seen = [await wire.say(text(whole), { echoes: [whole] }), await wire.sayEach([1, 2].map((over) => text('', { length: CAP + over })), { open: true })];
            for (const over of [1, 2]) seen.push(await compressed(wire, text(deflated(Buffer.alloc(CAP + over, 'x')), { rsv: 4 })));
            return inWords(seen);
        },
    },
    { id: 'C10', input: 'length 2^63, 2^64−1', answer: 'Close 1002', run: (wire) => wire.sayEach([hex('82ff8000000000000000'), hex('82ffffffffffffffffff')], { open: true }) },
    { id: 'C11', input: 'length 2^63−1, 2^32, `max_message` + 1: the header alone', answer: 'Close 1009', run: (wire) => wire.grows(4 * MIB, () => wire.sayEach([hex('82ff7fffffffffffffff'), hex('82ff0000000100000000'), hex('82ff0000000001000001')], { open: true })) },
    {
        id: 'C12',
        input: '1,000 clients that claim 16 MiB − 1 and send a byte',
        answer: 'memory for what came, cut at the heartbeat',
        async run(wire) {
            const pressed = await wire.serve({ env: { ROWCAST_HEARTBEAT: '3s' } });
            const before = pressed.descriptors();
            const [small, reserved] = [kernel.sanitized(pressed.pid) ? 100 : 1000, kernel.virtual(pressed.pid)];
            await pressed.grows(64 * MIB, async () => {
                const all = await pressed.clients(small);
                for (const raw of all) raw.send(frame('binary', 'x', { length: CAP - 1 }));
                await sleep(500);
            });
            if (!kernel.sanitized(pressed.pid)) assert.ok(kernel.virtual(pressed.pid) - reserved < 256 * MIB);
            await pressed.settle('nobody is left', before);
            return 'memory for what came, cut at the heartbeat';
        },
    },
    { id: 'C13', input: 'a length of 5 in 16 or 64 bits', answer: 'Close 1002', run: (wire) => wire.sayEach([hex('81fe0005'), hex('81ff0000000000000005')], { open: true }) },
    { id: 'C14', input: 'control of 126 bytes, with a 64-bit length, in fragments', answer: 'Close 1002', run: (wire) => wire.sayEach([frame('ping', Buffer.alloc(126)), hex('89ff0000000000010000'), frame('ping', 'x', { fin: false })], { open: true }) },
    { id: 'C15', input: 'opcodes 3 to 7, 11 to 15', answer: 'Close 1002', run: (wire) => wire.sayEach([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frame(opcode, 'x'))) },
    { id: 'C16', input: 'continuation first; a text inside a message; continuation behind its end', answer: 'Close 1002, echoed, Close 1002', run: async (wire) => inWords([await wire.sayEach([more('x'), [begun('a'), text('b')]]), await wire.say([begun('a'), more('b', true), more('c', true)], { echoes: ['ab'] })]) },
    {
        id: 'C17',
        input: 'text with C0 80, ED A0 80 over frames, F4 90 80 80, E2 82',
        answer: 'Close 1007',
        note: 'at the byte that is wrong',
        run: (wire) => wire.sayEach([text(hex('c080')), bytewise(hex('eda080')), text(hex('f4908080')), text(hex('e282')), begun(hex('ff'))]),
    },
    { id: 'C18', input: 'a 4-byte character over four frames; NUL; U+FFFF', answer: 'echoed', run: (wire) => wire.say([...bytewise(Buffer.from('😀')), text('\0'), text('\uffff')], { echoes: ['😀', '\0', '\uffff'] }) },
    { id: 'C19', input: 'a Close of one byte', answer: 'Close 1002', run: (wire) => wire.say(frame('close', 'x')) },
    {
        id: 'C20',
        input: 'Close 0, 999, 1004–1006, 1015, 1016, 2999, 5000, 65535; the others',
        answer: 'Close 1002; 1000–1003, 1007–1014, 3000–4999 echoed',
        async run(wire) {
            assert.equal(await wire.sayEach([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map((code) => close(code))), 'Close 1002');
            for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) assert.equal(await wire.say(close(code)), `Close ${code}`);
            return 'Close 1002; 1000–1003, 1007–1014, 3000–4999 echoed';
        },
    },
    { id: 'C21', input: 'a reason that is not UTF-8', answer: 'Close 1007', run: (wire) => wire.say(close(1000, hex('ff'))) },
    { id: 'C22', input: 'data behind a Close', answer: 'Close 1000', note: 'one, and the end', run: (wire) => wire.say([close(1000), text('x'), close(1001), frame(7, 'x')]) },
    { id: 'C23', input: 'a text and a Close in one segment', answer: 'echoed, Close 1000', run: (wire) => wire.say([text('x'), close(1000)], { echoes: ['x'] }) },
    { id: 'C24', input: 'unsolicited pong; ten pings', answer: 'nothing, 10 pongs', run: async (wire) => {
        assert.equal(await wire.say(frame('pong', 'x')), 'nothing');
        const raw = await wire.client();
        raw.send(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame('ping', String(i)))));
        for (let i = 0; i < 10; i++) await raw.expectFrame('pong', String(i));
        raw.destroy();
        return 'nothing, 10 pongs';
    } },
    {
        id: 'C25',
        input: 'frames a byte a segment; 1,000 in a segment',
        answer: 'echoed',
        async run(wire) {
            const raw = await wire.client();
            await raw.sendSlowly(Buffer.concat([begun('a'), frame('ping', ''), more('é', true)]));
            await raw.expectFrame('pong', '');
            await raw.expectFrame('text', 'aé');
            const thousand = Array.from({ length: 1000 }, (_, i) => String(i));
            return wire.say(thousand.map((one) => text(one)), { raw, echoes: thousand });
        },
    },
];

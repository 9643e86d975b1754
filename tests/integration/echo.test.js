// SPDX-License-Identifier: MIT
// examples/echo as a conformance suite meets it. The numbers are those of the cases of the Autobahn test suite.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { suite } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { Raw, frame, closePayload } = require('./lib/raw.js');

const SCRIPTS = 'examples/echo/scripts';
const MIB = 1 << 20;

const text = (payload, options) => frame('text', payload, options);
const binary = (payload, options) => frame('binary', payload, options);
const ping = (payload, options) => frame('ping', payload, options);
const pong = (payload, options) => frame('pong', payload, options);
const close = (code, reason) => frame('close', code === undefined ? '' : closePayload(code, reason));
const more = (payload) => frame('continuation', payload, { fin: false });
const last = (payload) => frame('continuation', payload);
const begun = (payload) => text(payload, { fin: false });
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

// One message in frames of `size` bytes.
function pieces(kind, payload, size) {
    const frames = [];
    for (let at = 0; at < payload.length || at === 0; at += size)
        frames.push(frame(at === 0 ? kind : 'continuation', payload.subarray(at, at + size), { fin: at + size >= payload.length }));
    return Buffer.concat(frames);
}

const numbered = (count) => Array.from({ length: count }, (_, i) => `payload-${i}`);
const echo = (payload) => ['text', payload];
const failed = (code) => ['close', code];

// [case, what, what is sent, what comes back]. Without a close at its end the connection still works.
const cases = [
    ...[0, 125, 126, 127, 128, 65535, 65536].flatMap((size, i) => [
        [`1.1.${i + 1}`, `text of ${size} bytes`, [text('*'.repeat(size))], [echo('*'.repeat(size))]],
        [`1.2.${i + 1}`, `binary of ${size} bytes`, [binary(Buffer.alloc(size, 0xfe))], [['binary', Buffer.alloc(size, 0xfe)]]],
    ]),
    ['2.1', 'an empty ping', [ping('')], [['pong', '']]],
    ['2.3', 'a ping that is no text', [ping(hex('00fffefdfcfb00ff'))], [['pong', hex('00fffefdfcfb00ff')]]],
    ['2.4', 'a ping of 125 bytes', [ping(Buffer.alloc(125, 0xfe))], [['pong', Buffer.alloc(125, 0xfe)]]],
    ['2.5', 'a ping of 126 bytes', [ping(Buffer.alloc(126, 0xfe))], [failed(1002)]],
    ['2.7', 'an unsolicited pong', [pong(''), pong('unasked')], []],
    ['2.9', 'unsolicited pong, then ping', [pong('unasked'), ping('asked')], [['pong', 'asked']]],
    ['2.10', 'ten pings', numbered(10).map((payload) => ping(payload)), numbered(10).map((payload) => ['pong', payload])],
    ['3.1', 'a reserved bit', [text('hello', { rsv: 1 })], [failed(1002)]],
    ['3.2', 'a good text, then a reserved bit', [text('hello'), text('hello', { rsv: 2 }), ping('')], [echo('hello'), failed(1002)]],
    ['3.5', 'binary with a reserved bit', [binary('x', { rsv: 5 })], [failed(1002)]],
    ['3.6', 'ping with a reserved bit', [ping('x', { rsv: 6 })], [failed(1002)]],
    ['3.7', 'close with a reserved bit', [frame('close', '', { rsv: 7 })], [failed(1002)]],
    ...[3, 4, 5, 6, 7].map((opcode, i) => [`4.1.${i + 1}`, `opcode ${opcode}`, [text('hello'), frame(opcode, 'x'), ping('')], [echo('hello'), failed(1002)]]),
    ...[11, 12, 13, 14, 15].map((opcode, i) => [`4.2.${i + 1}`, `opcode ${opcode}`, [text('hello'), frame(opcode, 'x')], [echo('hello'), failed(1002)]]),
    ['5.1', 'a ping in two fragments', [ping('a', { fin: false }), last('b')], [failed(1002)]],
    ['5.2', 'a pong in two fragments', [pong('a', { fin: false }), last('b')], [failed(1002)]],
    ['5.3', 'a text in two fragments', [begun('fragment1'), last('fragment2')], [echo('fragment1fragment2')]],
    ['5.6', 'a ping between two fragments', [begun('a'), ping('p'), last('b')], [['pong', 'p'], echo('ab')]],
    ['5.9', 'a continuation of nothing', [last('x'), text('hello')], [failed(1002)]],
    ['5.12', 'a continuation of nothing, unfinished', [more('x'), text('hello')], [failed(1002)]],
    ['5.15', 'a whole message, then a continuation of nothing', [begun('a'), last('b'), more('c'), text('d')], [echo('ab'), failed(1002)]],
    ['5.18', 'a new text inside a message', [begun('a'), text('b')], [failed(1002)]],
    ['5.19', 'pings among five fragments', [begun('1'), more('2'), ping('x'), more('3'), more('4'), ping('y'), last('5')], [['pong', 'x'], ['pong', 'y'], echo('12345')]],
    ['6.1.2', 'three empty fragments', [begun(''), more(''), last('')], [echo('')]],
    ['6.1.3', 'something between empty fragments', [begun(''), more('middle'), last('')], [echo('middle')]],
    ['6.2.1', 'UTF-8 in one frame', [text('Hello-µ@ßöäüàá-UTF-8!!')], [echo('Hello-µ@ßöäüàá-UTF-8!!')]],
    ['6.2.3', 'UTF-8, a byte a frame', [pieces('text', Buffer.from('Hello-µ@ßöäüàá-UTF-8!!'), 1)], [echo('Hello-µ@ßöäüàá-UTF-8!!')]],
    ['6.3.1', 'a surrogate inside', [text(hex('cebae1bdb9cf83cebcceb5 eda080 656469746564'))], [failed(1007)]],
    ['6.3.2', 'the same, a byte a frame', [pieces('text', hex('cebae1bdb9cf83cebcceb5 eda080 656469746564'), 1)], [failed(1007)]],
    ['6.4.1', 'fails at the fragment, not at the message’s end', [begun(hex('cebae1bdb9cf83cebcceb5 f4908080'))], [failed(1007)]],
    ['6.4.2', 'fails at the first byte that cannot be', [begun(hex('cebae1bdb9cf83cebcceb5 f4')), more(hex('90'))], [failed(1007)]],
    ['6.4.3', 'fails inside the frame', [text(hex('cebae1bdb9cf83cebcceb5 f490')).subarray(0, -1), text('')], [failed(1007)]],
    ...['f8', 'c0', 'c1', 'f5', 'fe', 'ff', '80', 'bf', 'c3 28', 'e2 28 a1', 'e2 82', 'f0 9f 98', 'ed a0 80 ed b0 80', 'ed bf bf', 'c0 80', 'e0 80 80', 'f0 80 80 80', 'f4 90 80 80', 'fc 80 80 80 80 80', 'f7 bf bf bf'].map((bad) => ['6.6–6.21', `not UTF-8: ${bad}`, [text(hex(bad))], [failed(1007)]]),
    ...['\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufffd', '\ufffe', '\uffff', '\u{10000}', '\u{1fffe}', '\u{10ffff}'].map((good) => ['6.5–6.23', `UTF-8: U+${good.codePointAt(0).toString(16)}`, [text(good)], [echo(good)]]),
    ['7.1.1', 'a close behind a message', [text('hello'), close(1000)], [echo('hello'), failed(1000)]],
    ['7.1.2', 'two closes', [close(1000), close(1000)], [failed(1000)]],
    ['7.1.3', 'a ping behind the close', [close(1000), ping('')], [failed(1000)]],
    ['7.1.4', 'a message behind the close', [close(1000), text('hello')], [failed(1000)]],
    ['7.1.5', 'a message that is never finished', [begun('a'), close(1000), last('b')], [failed(1000)]],
    ['7.1.6', '256 KiB, close, ping', [text('x'.repeat(256 << 10)), close(1000), ping('')], [echo('x'.repeat(256 << 10)), failed(1000)]],
    ['7.3.1', 'a close without a code', [close()], [failed(undefined)]],
    ['7.3.2', 'a close with half a code', [frame('close', 'a')], [failed(1002)]],
    ['7.3.4', 'a close with a reason', [close(1000, 'Hello World!')], [failed(1000)]],
    ['7.3.5', 'a reason of 123 bytes', [close(1000, 'x'.repeat(123))], [failed(1000)]],
    ['7.3.6', 'a reason of 124 bytes', [close(1000, 'x'.repeat(124))], [failed(1002)]],
    ['7.5.1', 'a reason that is not UTF-8', [close(1000, hex('cebae1bdb9cf83cebcceb5eda080656469746564'))], [failed(1007)]],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) => ['7.7', `close with ${code}`, [close(code)], [failed(code)]]),
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) => ['7.9', `close with ${code}`, [close(code)], [failed(1002)]]),
    ['10.1.1', '64 KiB in frames of 1,300 bytes', [pieces('text', Buffer.alloc(65536, '*'), 1300)], [echo('*'.repeat(65536))]],
];

async function expectBack(raw, back) {
    for (const [kind, payload] of back) {
        if (kind === 'close') await raw.expectClose(payload);
        else await raw.expectFrame(kind, payload);
    }
    if (back.at(-1)?.[0] === 'close') return;
    raw.send(Buffer.concat([ping('end'), close(1000)]));
    await raw.expectFrame('pong', 'end');
    await raw.expectClose(1000);
}

describe('the echo', () => {
    const owner = suite();
    let rowcast;
    before(async () => {
        rowcast = await serve(owner, { scripts: SCRIPTS });
    });
    const client = async () => rowcast.host(await Raw.upgrade(rowcast.port));

    for (const [name, what, sent, back] of cases) {
        it(`${name}: ${what}`, async () => {
            let raw = await client();
            raw.send(Buffer.concat(sent));
            await expectBack(raw, back);
            if (Buffer.concat(sent).length > 400) return;
            raw = await client(); // the same a byte at a time
            await raw.sendSlowly(Buffer.concat(sent));
            await expectBack(raw, back);
        });
    }

    const big = Buffer.alloc(16 * MIB, 'rowcast ');
    for (const [name, kind, payload, size] of [
        ['9.1.6', 'text', big, 16 * MIB],
        ['9.2.6', 'binary', big, 16 * MIB],
        ['9.3.1', 'text', big.subarray(0, 4 * MIB), 64],
        ['9.4.1', 'binary', big.subarray(0, 4 * MIB), 64],
        ['9.4.9', 'binary', big.subarray(0, 4 * MIB), 4 * MIB],
        ['9.4.4', 'binary', big.subarray(0, 4 * MIB), 4096],
        ['', 'text', big.subarray(0, 131072), 1],
    ]) {
        it(`${name} ${payload.length} bytes of ${kind} in frames of ${size}, again and again`, async () => {
            const raw = await client();
            const bytes = pieces(kind, payload, size);
            for (let i = 0; i < 5; i++) {
                raw.send(bytes);
                const seen = await raw.frame();
                assert.deepEqual([seen.kind, seen.payload.length, seen.payload.equals(payload)], [kind, payload.length, true]);
            }
            raw.destroy();
        });
    }

    it('16 MiB from several at once', async () => {
        const all = await Promise.all(Array.from({ length: 6 }, client));
        const bytes = pieces('binary', big, 16 * MIB);
        for (const raw of all) raw.send(bytes);
        for (const raw of all) assert.ok((await raw.frame()).payload.equals(big));
        for (const raw of all) raw.destroy();
    });

    it('16 MiB and a byte are too much, and so are 131,073 frames', async () => {
        let raw = await client();
        raw.send(frame('binary', '', { length: 16 * MIB + 1 }));
        await raw.expectClose(1009);
        raw = await client();
        raw.send(pieces('text', Buffer.alloc(131073, 'x'), 1));
        await raw.expectClose(1009);
    });

    it('9.7 a thousand messages, one after the other and all at once', async () => {
        const raw = await client();
        for (let i = 0; i < 1000; i++) {
            raw.send(text(`message ${i}`));
            await raw.expectFrame('text', `message ${i}`);
        }
        raw.send(Buffer.concat(Array.from({ length: 1000 }, (_, i) => binary(`message ${i}`))));
        for (let i = 0; i < 1000; i++) await raw.expectFrame('binary', `message ${i}`);
        raw.destroy();
    });

    it('bytes that are no text are kept in binary', async () => {
        const raw = await client();
        const all = Buffer.from(Array.from({ length: 512 }, (_, i) => i & 255));
        raw.send(Buffer.concat([binary(all), binary(hex('c0 80 ed a0 80 ff')), binary('\0')]));
        await raw.expectFrame('binary', all);
        await raw.expectFrame('binary', hex('c0 80 ed a0 80 ff'));
        await raw.expectFrame('binary', '\0');
        raw.destroy();
    });
});

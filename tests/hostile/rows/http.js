// SPDX-License-Identifier: MIT
// The request line, the headers, extensions and subprotocols.
'use strict';

const assert = require('node:assert/strict');
const { hex, get, upgradeRequest: up, sleep, MIB } = require('../lib.js');
const { frame } = require('../../integration/lib/raw.js');

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const without = (name) => up('/', { [name]: undefined });
const line = (text) => up('/', {}, text);
const extensions = (value) => up('/', { 'Sec-WebSocket-Extensions': value });
const protocols = (value) => up('/', { 'Sec-WebSocket-Protocol': value });
const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X${i}`, '1']));

// The same bytes each time, of every value.
function noise(size) {
    const bytes = Buffer.alloc(size);
    for (let i = 0, x = 1; i < size; i++) bytes[i] = (x = (x * 1103515245 + 12345) % 0x80000000) >> 16;
    return bytes;
}

exports.title = 'Request line and headers';
exports.rows = [
    { id: 'A1', input: 'POST with all upgrade headers', answer: '405', run: (wire) => wire.http(line('POST / HTTP/1.1')) },
    { id: 'A2', input: 'upgrade over HTTP/1.0', answer: '426', run: (wire) => wire.http(line('GET / HTTP/1.0')) },
    {
        id: 'A3',
        input: '`HTTP/2.0`, `HTTP/1.2`, `http/1.1` in the request line',
        answer: '505, 400',
        run: (wire) => wire.http(line('GET / HTTP/2.0'), line('GET / HTTP/1.2'), line('GET / http/1.1')),
    },
    { id: 'A4', input: 'Host missing', answer: '400', run: (wire) => wire.http(without('Host')) },
    {
        id: 'A5',
        input: 'Host twice; `a b`; `a@b`',
        answer: '400',
        run: (wire) => wire.http(up('/', { Host: ['a', 'a'] }), up('/', { Host: 'a b' }), up('/', { Host: 'a@b' })),
    },
    {
        id: 'A6',
        input: 'Upgrade missing, or `h2c`',
        answer: '426',
        run: (wire) => wire.http(without('Upgrade'), up('/', { Upgrade: 'h2c' }), get('/ws')),
    },
    { id: 'A7', input: '`Upgrade: h2c, websocket`', answer: '101', note: 'a list that contains it', run: (wire) => wire.http(up('/', { Upgrade: 'h2c, websocket' })) },
    { id: 'A8', input: '`uPgRaDe: WEBSOCKET`', answer: '101', run: (wire) => wire.http(up('/', { Upgrade: undefined, uPgRaDe: 'WEBSOCKET' })) },
    { id: 'A9', input: '`Upgrade: xwebsockety`', answer: '426', run: (wire) => wire.http(up('/', { Upgrade: 'xwebsockety' })) },
    { id: 'A10', input: '`Connection: keep-alive, Upgrade`', answer: '101', run: (wire) => wire.http(up('/', { Connection: 'keep-alive, Upgrade' })) },
    { id: 'A11', input: 'Connection missing, or `close`', answer: '426', run: (wire) => wire.http(without('Connection'), up('/', { Connection: 'close' })) },
    { id: 'A12', input: 'Sec-WebSocket-Key missing, or empty', answer: '400', run: (wire) => wire.http(without('Sec-WebSocket-Key'), up('/', { 'Sec-WebSocket-Key': '' })) },
    {
        id: 'A13',
        input: 'a key of 15 or 17 bytes, not base64; of a megabyte',
        answer: '400, 431',
        run: (wire) =>
            wire.http(
                ...[Buffer.alloc(15).toString('base64'), Buffer.alloc(17).toString('base64'), '!GhlIHNhbXBsZSBub25jZQ==', 'x'.repeat(MIB)].map((key) =>
                    up('/', { 'Sec-WebSocket-Key': key }),
                ),
            ),
    },
    { id: 'A14', input: 'the key twice', answer: '400', run: (wire) => wire.http(up('/', { 'Sec-WebSocket-Key': [KEY, KEY] })) },
    {
        id: 'A15',
        input: 'version missing, 8, 14, `013`, `13x`',
        answer: '426',
        note: 'with `Sec-WebSocket-Version: 13`',
        run: (wire) => wire.http(without('Sec-WebSocket-Version'), ...['8', '14', '013', '13x'].map((version) => up('/', { 'Sec-WebSocket-Version': version }))),
    },
    { id: 'A16', input: 'version twice, 13 and 8', answer: '400', run: (wire) => wire.http(up('/', { 'Sec-WebSocket-Version': ['13', '8'] })) },
    {
        id: 'A17',
        input: 'another request behind a 426',
        answer: '426, closed',
        async run(wire) {
            const raw = await wire.connect();
            raw.send(up('/', { 'Sec-WebSocket-Version': '777' }) + get('/health'));
            return `${await wire.answer(raw)}, closed`;
        },
    },
    {
        id: 'A18',
        input: 'a header of 70 KB; one of 20 MB in small writes',
        answer: '431',
        note: 'each byte is looked at once',
        async run(wire) {
            const small = Buffer.alloc(1024, 'x');
            const raw = await wire.connect();
            const seconds = await wire.costs(async () => {
                raw.send('GET / HTTP/1.1\r\nX: ');
                for (let i = 0; i < 20 * 1024 && !raw.ending; i++) {
                    if (!raw.socket.write(small)) await sleep(0);
                }
                await wire.answer(raw).then((seen) => assert.equal(seen, '431'));
            });
            assert.ok(seconds < 5, `${seconds} s of computing`);
            return wire.http(up('/', { X: 'x'.repeat(70000) }));
        },
    },
    { id: 'A19', input: '2,100 headers', answer: '431', run: (wire) => wire.http(up('/', many(2100)), up('/', many(101))) },
    { id: 'A20', input: 'a URI of 70 KB', answer: '414', run: (wire) => wire.http(up(`/${'x'.repeat(70000)}`)) },
    {
        id: 'A21',
        input: 'slow loris: a byte now and then',
        answer: '408',
        note: 'at `handshake_timeout`, which bytes do not extend',
        async run(wire) {
            const hasty = await wire.serve({ env: { ROWCAST_HANDSHAKE_TIMEOUT: '500ms' } });
            const raw = await hasty.connect();
            raw.send('GET / HTTP/1.1\r\nX: ');
            const drip = setInterval(() => raw.ending || raw.send('x'), 50);
            return hasty.answer(raw).finally(() => clearInterval(drip));
        },
    },
    {
        id: 'A22',
        input: 'the handshake split at every byte',
        answer: '101',
        async run(wire) {
            const bytes = Buffer.from(up('/'));
            for (let at = 1; at < bytes.length; at++) {
                const raw = await wire.connect();
                raw.send(bytes.subarray(0, at));
                await sleep(0);
                raw.send(bytes.subarray(at));
                assert.equal(await wire.answer(raw), '101', `split at ${at}`);
            }
            return '101';
        },
    },
    {
        id: 'A23',
        input: 'a text in the segment of the handshake',
        answer: 'echoed',
        async run(wire) {
            const raw = await wire.connect();
            raw.send(Buffer.concat([Buffer.from(up('/')), frame('text', 'early')]));
            assert.equal((await raw.response()).status, 101);
            return wire.say([], { raw, echoes: ['early'] });
        },
    },
    {
        id: 'A24',
        input: 'a second request behind the upgrade',
        answer: 'Close 1002',
        note: 'its bytes are a frame',
        async run(wire) {
            const raw = await wire.connect();
            raw.send(up('/') + get('/health'));
            assert.equal((await raw.response()).status, 101);
            return wire.say([], { raw, open: true });
        },
    },
    {
        id: 'A25',
        input: 'an upgrade with Content-Length 5, chunked; with 0',
        answer: '400, 101',
        run: (wire) => wire.http(`${up('/', { 'Content-Length': '5' })}hello`, `${up('/', { 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`, up('/', { 'Content-Length': '0' })),
    },
    { id: 'A26', input: 'Content-Length −1, +5, 2^64, two values', answer: '400', run: (wire) => wire.http(...['-1', '+5', '18446744073709551616', ['0', '5'], '0, 5'].map((length) => up('/', { 'Content-Length': length }))) },
    { id: 'A27', input: 'Content-Length and Transfer-Encoding', answer: '400', run: (wire) => wire.http(up('/', { 'Content-Length': '0', 'Transfer-Encoding': 'chunked' })) },
    { id: 'A28', input: '`Sec-WebSocket-Key : x`', answer: '400', run: (wire) => wire.http(up('/', { 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Key ': KEY })) },
    { id: 'A29', input: 'a folded line', answer: '400', run: (wire) => wire.http(up('/', { X: 'a\r\n b' })) },
    { id: 'A30', input: 'bare LF at all line ends, or at one', answer: '400', run: (wire) => wire.http(up('/').replaceAll('\r\n', '\n'), up('/').replace('localhost\r\n', 'localhost\n')) },
    { id: 'A31', input: 'bare CR, NUL, other controls in a value or the target', answer: '400', run: (wire) => wire.http(...['\r', '\0', '\x01', '\x7f'].flatMap((c) => [up('/', { X: `a${c}b` }), up(`/a${c}b`)])) },
    { id: 'A32', input: 'an empty header name; a line without colon', answer: '400', run: (wire) => wire.http(up('/', { '': 'x' }), up('/').replace('Host:', 'Host')) },
    { id: 'A33', input: 'an empty line in front; thousands', answer: '101, 400', run: (wire) => wire.http(`\r\n${up('/')}`, '\r\n'.repeat(5000) + up('/')) },
    { id: 'A34', input: '`GET http://host/path`', answer: '101, 404', note: 'routed by its path', run: (wire) => wire.http(up('http://example.com/ws'), up('http://example.com/nothing')) },
    { id: 'A35', input: 'target `../x`, `*`, `/p#frag`', answer: '400', run: (wire) => wire.http(up('../x'), up('*'), up('/p#frag')) },
    {
        id: 'A36',
        input: 'a TLS hello; the HTTP/2 preface; `GET /`; 64 KB of noise',
        answer: '400, 505, 400',
        run: (wire) => wire.http(hex('16030100c8010000c40303 00ff 0d0a0d0a'), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET /\r\n', noise(65536)),
    },
    { id: 'A37', input: 'bytes above 0x7f in values', answer: '101', note: 'opaque', run: (wire) => wire.http(up('/', { Cookie: 'caf\u00e9\u00ff', 'User-Agent': '\u0080' })) },

    { section: 'Extensions and subprotocols' },
    { id: 'B1', input: 'extensions `"\\"`; `b="\\c\\c\\c…`, 14 KB, unclosed', answer: '400', note: 'in linear time', run: (wire) => wire.http(extensions('"\\"'), extensions(`b="${'\\c'.repeat(7000)}`)) },
    { id: 'B2', input: '`x; y=",permessage-deflate; client_max_window_bits,"`', answer: '400', run: (wire) => wire.http(extensions('x; y=",permessage-deflate; client_max_window_bits,"')) },
    {
        id: 'B3',
        input: 'unknown or repeated parameters; server_max_window_bits 16, 7, 08, none',
        answer: '101',
        note: 'that offer is declined',
        run: (wire) => wire.http(...['x', 'server_no_context_takeover; server_no_context_takeover', 'server_max_window_bits=16', 'server_max_window_bits=7', 'server_max_window_bits=08', 'server_max_window_bits'].map((parameter) => extensions(`permessage-deflate; ${parameter}`))),
    },
    { id: 'B4', input: 'server_max_window_bits=8', answer: '101', note: 'declined: zlib has no such window', run: (wire) => wire.http(extensions('permessage-deflate; server_max_window_bits=8')) },
    { id: 'B5', input: 'two bad offers, then a good one', answer: '101 with permessage-deflate', run: (wire) => wire.http(extensions('permessage-deflate; x, permessage-deflate; y, permessage-deflate')) },
    { id: 'B6', input: 'an offer without client_max_window_bits', answer: '101 with permessage-deflate', note: 'which is not in the answer', run: (wire) => wire.http(extensions('permessage-deflate')) },
    { id: 'B7', input: 'subprotocol `b`, 14,000 blanks, `x`', answer: '101', note: 'none agreed to, in linear time', run: (wire) => wire.http(protocols(`b${' '.repeat(14000)}x`)) },
    { id: 'B8', input: 'unknown subprotocols; `a,,b`; 5,000 and 10,000 of them', answer: '101, 431', note: 'only what was offered is ever agreed to, in our own bytes', run: (wire) => wire.http(protocols('x, y'), protocols('a,,b'), protocols('a, '.repeat(5000)), protocols('a, '.repeat(10000))) },
];

// SPDX-License-Identifier: MIT
// Bytes that well-behaved clients do not send, and HTTP. Each case ends with proof that others are served.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before, afterEach } = require('node:test');
const { until, suite } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { frame, closePayload, upgradeRequest } = require('./lib/raw.js');

const MAX = 16 * 1024;
const PING = frame('text', '{"action":"ping"}');

// A message of exactly so many bytes, which is an unknown action.
function messageOf(size) {
    const rest = '{"action":"dance","x":""}'.length;
    return `{"action":"dance","x":"${'x'.repeat(size - rest)}"}`;
}

function shared() {
    const owner = suite();
    const state = {};
    before(async () => {
        state.rowcast = await serve(owner);
        await state.rowcast.logged('source_started');
        state.other = await state.rowcast.connect();
    });
    afterEach(() => state.other.expectNothing()); // somebody else never notices
    return state;
}

describe('frames', () => {
    const state = shared();
    const client = () => state.rowcast.rawClient();
    const error = async (raw, code) => assert.equal((await raw.expectMessage()).data.code, code);

    it('are masked by the client', async () => {
        for (const kind of ['text', 'ping', 'close']) {
            const raw = await client();
            raw.send(frame(kind, kind === 'close' ? closePayload(1000) : 'x', { mask: false }));
            await raw.expectClose(1002);
        }
    });

    it('have no reserved bits and no reserved opcodes', async () => {
        for (const rsv of [1, 2, 4, 7]) {
            const raw = await client();
            raw.send(frame('text', '{}', { rsv }));
            await raw.expectClose(1002);
        }
        for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
            const raw = await client();
            raw.send(frame(opcode, ''));
            await raw.expectClose(1002);
        }
    });

    it('of control are short and whole', async () => {
        for (const bad of [
            frame('ping', Buffer.alloc(126)),
            frame('ping', 'x', { fin: false }),
            frame('close', Buffer.alloc(126)),
        ]) {
            const raw = await client();
            raw.send(bad);
            await raw.expectClose(1002);
        }
        const raw = await client();
        raw.send(frame('ping', Buffer.alloc(125, 'p')));
        await raw.expectFrame('pong', Buffer.alloc(125, 'p'));
    });

    it('write their length in the shortest way', async () => {
        for (const head of [
            '81fe0005',
            '81fe007d',
            '81ff0000000000000005',
            '81ff000000000000ffff',
            '81ff8000000000000000',
            '81ffffffffffffffffff',
        ]) {
            const raw = await client();
            raw.send(Buffer.from(head, 'hex'));
            await raw.expectClose(1002);
        }
    });

    it('continue only what has begun', async () => {
        let raw = await client();
        raw.send(frame('continuation', '{}'));
        await raw.expectClose(1002);
        raw = await client();
        raw.send(Buffer.concat([frame('text', '{', { fin: false }), frame('text', '}')]));
        await raw.expectClose(1002);
    });

    it('may be fragments, with control frames between', async () => {
        const raw = await client();
        raw.send(frame('text', '{"act', { fin: false }));
        raw.send(frame('ping', 'between'));
        await raw.expectFrame('pong', 'between');
        raw.send(frame('continuation', '', { fin: false }));
        raw.send(frame('pong', 'unasked'));
        raw.send(frame('continuation', 'ion":"dan', { fin: false }));
        raw.send(frame('continuation', 'ce"}'));
        assert.equal((await raw.expectMessage()).data.error, 'Unknown action: dance');
        raw.send(Buffer.concat([frame('binary', 'a', { fin: false }), frame('continuation', 'b'), PING]));
        await error(raw, 'invalid_format');
        assert.equal((await raw.expectMessage()).type, 'pong');
    });

    it('come in any pieces', async () => {
        const raw = await state.rowcast.raw();
        await raw.sendSlowly(upgradeRequest('/'));
        assert.equal((await raw.response()).status, 101);
        await raw.welcome();
        await raw.sendSlowly(Buffer.concat([frame('text', messageOf(300)), PING]));
        await error(raw, 'unknown_action');
        assert.equal((await raw.expectMessage()).type, 'pong');
        await raw.sendSlowly(frame('ping', 'x'));
        await raw.expectFrame('pong', 'x');
        await raw.sendSlowly(frame('text', '{"action":"é"}'));
        assert.equal((await raw.expectMessage()).data.error, 'Unknown action: é');
        raw.send(Buffer.concat(Array.from({ length: 1000 }, () => frame('text', '{"action":"x"}'))));
        for (let i = 0; i < 1000; i++) await error(raw, 'unknown_action');
    });

    it('may come in the segment of the upgrade', async () => {
        const raw = await state.rowcast.raw();
        raw.send(Buffer.concat([Buffer.from(upgradeRequest('/ws')), PING, frame('ping', 'x')]));
        assert.equal((await raw.response()).status, 101);
        const kinds = [];
        for (let i = 0; i < 3; i++) {
            const { kind, payload } = await raw.frame();
            kinds.push(kind === 'text' ? JSON.parse(payload).type : kind);
        }
        assert.deepEqual(kinds.sort(), ['pong', 'pong', 'welcome']); // one pong of each kind
    });

    it('of one message are no more than 16 KiB', async () => {
        let raw = await client();
        raw.send(frame('text', messageOf(MAX)));
        await error(raw, 'unknown_action');
        raw.send(frame('text', messageOf(MAX + 1)));
        await raw.expectClose(1009);
        raw = await client();
        raw.send(Buffer.concat([frame('text', 'x'.repeat(MAX - 1), { fin: false }), frame('continuation', 'xx')]));
        await raw.expectClose(1009);
        for (const length of [MAX + 1, 65536, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
            // the header alone is enough
            raw = await client();
            raw.send(frame('binary', '', { length }));
            await raw.expectClose(1009);
        }
    });

    it('of one message are no more than 1,024', async () => {
        const fragments = (count) => [
            frame('text', '', { fin: false }),
            ...Array.from({ length: count - 2 }, () => frame('continuation', ' ', { fin: false })),
            frame('continuation', '{}'),
        ];
        let raw = await client();
        raw.send(Buffer.concat(fragments(1024)));
        await error(raw, 'invalid_format');
        raw = await client();
        raw.send(Buffer.concat(fragments(1025)));
        await raw.expectClose(1009);
    });

    it('of text are UTF-8', async () => {
        for (const bad of ['ff', 'c080', 'eda080', 'f4908080', '22e28222', '80']) {
            const raw = await client();
            raw.send(frame('text', Buffer.from(bad, 'hex')));
            await raw.expectClose(1007);
        }
        const raw = await client(); // seen although it is not at its end
        raw.send(Buffer.concat([frame('text', Buffer.from('7bff', 'hex'), { fin: false })]));
        await raw.expectClose(1007);
        const good = await client(); // one character over four frames; NUL, U+FFFF
        const face = Buffer.from('😀');
        const pieces = [0, 1, 2, 3].map((i) =>
            frame(i === 0 ? 'text' : 'continuation', face.subarray(i, i + 1), { fin: i === 3 }),
        );
        good.send(Buffer.concat([...pieces, frame('text', '\u0000\uffff')]));
        await error(good, 'invalid_format');
        await error(good, 'invalid_format');
    });

    it('of Close are answered by the same code, which must be one', async () => {
        for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999]) {
            const raw = await client();
            raw.send(frame('close', closePayload(code, 'é')));
            await raw.expectClose(code);
        }
        for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
            const raw = await client();
            raw.send(frame('close', closePayload(code)));
            await raw.expectClose(1002);
        }
        let raw = await client();
        raw.send(frame('close'));
        await raw.expectClose(undefined);
        raw = await client();
        raw.send(frame('close', 'x'));
        await raw.expectClose(1002);
        raw = await client();
        raw.send(frame('close', closePayload(1000, Buffer.from([0xff]))));
        await raw.expectClose(1007);
    });

    it('behind a Close are not looked at, those before it are answered', async () => {
        const raw = await client();
        raw.send(
            Buffer.concat([
                PING,
                frame('ping', 'x'),
                frame('close', closePayload(1000)),
                PING,
                frame('close', closePayload(1001)),
                frame(7),
            ]),
        );
        assert.deepEqual([(await raw.frame()).kind, (await raw.frame()).kind].sort(), ['pong', 'text']); // in whichever order
        await raw.expectClose(1000);
    });

    it('of ping are answered each, in order', async () => {
        const raw = await client();
        raw.send(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame('ping', `n${i}`))));
        for (let i = 0; i < 10; i++) await raw.expectFrame('pong', `n${i}`);
    });
});

describe('connections', () => {
    const state = shared();

    it('that are cut anywhere leave no trace', async () => {
        const { rowcast } = state;
        for (const part of ['', 'GET / HT', upgradeRequest('/').slice(0, 60)]) {
            const raw = await rowcast.raw();
            if (part) raw.send(part);
            raw.reset();
        }
        for (const bytes of [frame('text', '{"act', { length: 100 }), PING, frame('text', 'x', { fin: false })]) {
            const raw = await rowcast.rawClient();
            raw.send(bytes);
            raw.reset();
        }
        for (let i = 0; i < 50; i++) (await rowcast.raw()).reset();
        await (await rowcast.connect()).close(1000);
    });

    it('whose client says no more are ended', async () => {
        const raw = await state.rowcast.rawClient();
        raw.send(PING);
        raw.socket.end();
        assert.equal((await raw.expectMessage()).type, 'pong');
        await raw.expectEnd();
        const early = await state.rowcast.raw();
        early.socket.end('GET / HTTP/1.1\r\n');
        await until(
            'the end',
            () => early.ending,
            () => early.seen,
        );
    });

    it('have a limited time for their upgrade, however they spend it', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HANDSHAKE_TIMEOUT: '400ms' } });
        const [dumb, half, slow] = [await rowcast.raw(), await rowcast.raw(), await rowcast.raw()];
        half.send('GET / HTTP/1.1\r\nHost: x\r\n');
        slow.send('GET / HTTP/1.1\r\nX: ');
        const drip = setInterval(() => slow.ending || slow.send('x'), 50);
        try {
            for (const raw of [dumb, half, slow])
                await until(
                    'the end of a slow one',
                    () => raw.ending,
                    () => raw.seen,
                );
        } finally {
            clearInterval(drip);
        }
        assert.equal((await half.response()).status, 408);
        const client = await rowcast.connect(); // a client has all the time it wants
        await half.expectEnd();
        await client.expectNothing();
    });

    it('that ask for the impossible are refused', async () => {
        const { rowcast } = state;
        const cases = [
            // [what, bytes, statuses]
            ['POST', upgradeRequest('/', {}, 'POST / HTTP/1.1'), [405, 400]],
            ['HTTP/1.0', upgradeRequest('/', {}, 'GET / HTTP/1.0'), [426, 400, 505]],
            ['HTTP/2.0', upgradeRequest('/', {}, 'GET / HTTP/2.0'), [505, 400]],
            ['http/1.1', upgradeRequest('/', {}, 'GET / http/1.1'), [400]],
            ['no Host', upgradeRequest('/', { Host: undefined }), [400]],
            ['two Hosts', upgradeRequest('/', { Host: ['a', 'b'] }), [400]],
            ['Host a b', upgradeRequest('/', { Host: 'a b' }), [400]],
            ['no Upgrade', upgradeRequest('/', { Upgrade: undefined }), [426]],
            ['Upgrade: h2c', upgradeRequest('/ws', { Upgrade: 'h2c' }), [426, 400]],
            ['Upgrade: xwebsockety', upgradeRequest('/', { Upgrade: 'xwebsockety' }), [426, 400]],
            ['no Connection', upgradeRequest('/', { Connection: undefined }), [426, 400]],
            ['Connection: close', upgradeRequest('/', { Connection: 'close' }), [426, 400]],
            ['no key', upgradeRequest('/', { 'Sec-WebSocket-Key': undefined }), [400]],
            ['empty key', upgradeRequest('/', { 'Sec-WebSocket-Key': '' }), [400]],
            ['short key', upgradeRequest('/', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' }), [400]],
            ['no base64', upgradeRequest('/', { 'Sec-WebSocket-Key': '!GhlIHNhbXBsZSBub25jZQ==' }), [400]],
            [
                'two keys',
                upgradeRequest('/', { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='] }),
                [400],
            ],
            ['no version', upgradeRequest('/', { 'Sec-WebSocket-Version': undefined }), [426]],
            ['version 8', upgradeRequest('/', { 'Sec-WebSocket-Version': '8' }), [426]],
            ['version 013', upgradeRequest('/', { 'Sec-WebSocket-Version': '013' }), [426]],
            ['a body', upgradeRequest('/', { 'Content-Length': '5' }), [400]],
            ['a chunked body', upgradeRequest('/', { 'Transfer-Encoding': 'chunked' }), [400]],
            ['Content-Length -1', upgradeRequest('/', { 'Content-Length': '-1' }), [400]],
            ['a space before the colon', upgradeRequest('/', { 'X ': '1' }), [400]],
            ['a broken offer', upgradeRequest('/', { 'Sec-WebSocket-Extensions': 'x; y="' }), [400]],
            ['a folded line', upgradeRequest('/', { X: '1\r\n 2' }), [400]],
            ['bare line feeds', upgradeRequest('/').replaceAll('\r\n', '\n'), [400]],
            ['a NUL', upgradeRequest('/', { X: 'a\0b' }), [400]],
            ['no colon', upgradeRequest('/', {}).replace('Host:', 'Host'), [400]],
            ['target ../x', upgradeRequest('../x'), [400]],
            ['target *', upgradeRequest('*'), [400]],
            ['target with #', upgradeRequest('/ws#x'), [400]],
            ['HTTP 0.9', 'GET /\r\n\r\n', [400]],
            ['no HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n', [400]],
            ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505, 405, 400]],
            ['a long target', upgradeRequest(`/${'x'.repeat(70000)}`), [414, 431]],
            ['a long header', upgradeRequest('/', { X: 'x'.repeat(70000) }), [431]],
            [
                'many headers',
                upgradeRequest('/', Object.fromEntries(Array.from({ length: 2100 }, (_, i) => [`X${i}`, '']))),
                [431],
            ],
        ];
        for (const [what, bytes, statuses] of cases) {
            const raw = await rowcast.raw();
            raw.send(bytes);
            const { status, headers } = await raw.response();
            assert.ok(statuses.includes(status), `${what}: ${status}, not ${statuses}`);
            assert.match(headers.connection, /close/, what);
            if (status === 426) assert.equal(headers['sec-websocket-version'], '13', what);
            raw.destroy();
        }
    });

    it('may say the same in another way', async () => {
        const { rowcast } = state;
        const requests = [
            upgradeRequest('/', { Upgrade: undefined, uPgRaDe: 'WEBSOCKET' }),
            upgradeRequest('/', { Connection: 'keep-alive, Upgrade' }),
            upgradeRequest('/', { 'Content-Length': '0' }),
            upgradeRequest('http://example.com/ws'),
            `\r\n${upgradeRequest('/')}`,
            upgradeRequest('/', { 'Sec-WebSocket-Protocol': 'a,,b', 'Sec-WebSocket-Extensions': 'x; y="1"' }),
            upgradeRequest('/', { Cookie: 'caf\u00e9' }),
        ];
        for (const request of requests) {
            const raw = await rowcast.raw();
            raw.send(Buffer.from(request, 'latin1'));
            const { status, headers } = await raw.response();
            assert.equal(status, 101, JSON.stringify(request));
            assert.ok(
                !('sec-websocket-protocol' in headers) && !('sec-websocket-extensions' in headers),
                'nothing is agreed that is not there',
            );
            await raw.welcome();
        }
    });

    it('that did not become WebSockets are never a tunnel', async () => {
        const raw = await state.rowcast.raw();
        raw.send(
            Buffer.concat([
                Buffer.from(upgradeRequest('/', { 'Sec-WebSocket-Version': '777' })),
                PING,
                Buffer.from('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'),
            ]),
        );
        assert.equal((await raw.response()).status, 426);
        await raw.expectEnd();
    });
});

describe('HTTP', () => {
    const state = shared();

    it('/health answers while the process lives', async () => {
        const { status, headers, json } = await state.rowcast.getJson('/health');
        assert.equal(status, 200);
        assert.match(headers['content-type'], /^application\/json/);
        assert.equal(json.status, 'ok');
        assert.equal(typeof json.checks, 'object');
    });

    it('/ready answers once the stream runs', async () => {
        const { headers, json } = await state.rowcast.ready({ status: 200, json: { status: 'ok' } });
        assert.match(headers['content-type'], /^application\/json/);
        assert.equal(typeof json.checks, 'object');
        assert.equal((await state.rowcast.get('/ready?x=1')).status, 200);
    });

    it('wants an upgrade at / and /ws', async () => {
        for (const path of ['/', '/ws', '/ws?x=1']) {
            const { status, headers } = await state.rowcast.get(path);
            assert.equal(status, 426, path);
            assert.match(headers.upgrade, /websocket/i);
        }
    });

    it('has nothing else', async () => {
        for (const path of [
            '/nothing',
            '/healthz',
            '/health/',
            '/ready/x',
            '/metrics',
            '/status',
            '/dashboard',
            '/%2e%2e/etc/passwd',
            '/..',
            '/HEALTH',
        ])
            assert.equal((await state.rowcast.get(path)).status, 404, path);
    });
});

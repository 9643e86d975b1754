// SPDX-License-Identifier: MIT
// Origins, tokens, paths and queries, and what reaches the scripts.
'use strict';

const assert = require('node:assert/strict');
const { get, inWords, upgradeRequest: up, MIB } = require('../lib.js');
const { frame } = require('../../integration/lib/raw.js');

const GOOD = 'https://good.com';
const from = (Origin) => up('/', { Origin });
const guarded = (wire) => wire.serve({ env: { ROWCAST_ORIGINS: `${GOOD}, http://localhost:3000` } });
const text = (payload) => frame('text', payload);
const pending = 'there is no authentication yet';

exports.title = 'Origin, token, paths, injection';
exports.rows = [
    {
        id: 'E1',
        input: '`origins` set: a foreign Origin, one that begins or ends alike, other scheme or port, `null`, two, `https://evil.com/.good.com`; a good one',
        answer: '403, 101',
        run: async (wire) =>
            (await guarded(wire)).http(
                ...['https://evil.com', `${GOOD}.evil.net`, 'https://evilgood.com', 'http://good.com', `${GOOD}:8443`, 'null', [GOOD, GOOD], 'https://evil.com/.good.com', ''].map(from),
                from(GOOD),
                from('http://localhost:3000'),
            ),
    },
    { id: 'E2', input: '`origins` set, no Origin', answer: '101', note: 'no browser’s page, and others could write what they like', run: async (wire) => (await guarded(wire)).http(up('/')) },
    { id: 'E3', input: 'JWT `alg` none', pending },
    { id: 'E4', input: 'HS256 with the bytes of the public key', pending },
    { id: 'E5', input: 'exp, nbf: past, missing, of the wrong type', pending },
    { id: 'E6', input: 'a signature that is empty, cut, wrong; dots, padding, alphabet', pending },
    { id: 'E7', input: 'ES256 with r=s=0', pending },
    { id: 'E8', input: '`jwk`, `jku`, `x5u`, `kid`, `crit` in the header', pending },
    { id: 'E9', input: 'a token of 1 MB', pending },
    { id: 'E10', input: 'a payload nested 100,000 deep; keys twice', pending },
    { id: 'E11', input: 'wrong signatures, timing', pending },
    { id: 'E12', input: 'a token in the query', pending },
    {
        id: 'E13',
        input: '`/../`, `/%2e%2e/`, `/..%2f`, `/%252e%252e/`, `/..%5c`, `//etc/passwd`, `/static/../../x`',
        answer: '404',
        note: 'there are no files here, and paths are not decoded',
        run: (wire) => wire.http(...['/../', '/%2e%2e/', '/..%2f', '/%252e%252e/', '/..%5c', '//etc/passwd', '/static/../../x'].map((path) => get(path))),
    },
    { id: 'E14', input: '`/secret.lua%00.html`', answer: '400', run: (wire) => wire.http(get('/secret.lua%00.html')) },
    { id: 'E15', input: '`%`, `%2`, `%zz` at the end of the path; of the query', answer: '400, 101', note: 'the query is left to the script', run: (wire) => wire.http(...['%', '%2', '%zz'].map((end) => get(`/ws${end}`)), ...['%', '%2', '%zz'].map((end) => up(`/ws?x=${end}`))) },
    { id: 'E16', input: 'paths of links, folders, devices, /proc', answer: '404', run: (wire) => wire.http(...['/scripts', '/proc/self/environ', '/dev/stdin', '/.', '/client.lua'].map((path) => get(path))) },
    { id: 'E17', input: 'Range with 10,000 ranges, reversed, 2^64', answer: '431, 200', note: 'ranges are not looked at', run: (wire) => wire.http(...[`bytes=${'0-1,'.repeat(10000)}`, `bytes=${'0-,'.repeat(3000)}`, 'bytes=9-1', 'bytes=0-18446744073709551616'].map((range) => get('/health', `Range: ${range}\r\n`))) },
    {
        id: 'E18',
        input: '`?x=%0d%0aX-Injected:%201`; `/en/%0d%0aset-cookie:a=b`',
        answer: '101, 404',
        note: 'nothing of the request is in the answer',
        async run(wire) {
            const raw = await wire.connect();
            raw.send(up('/?x=%0d%0aX-Injected:%201', { 'Sec-WebSocket-Protocol': 'a%0d%0aX-Injected: 1' }));
            const { status, headers } = await raw.response();
            assert.deepEqual(Object.keys(headers).sort(), ['connection', 'sec-websocket-accept', 'upgrade']);
            raw.destroy();
            return inWords([String(status), await wire.http(get('/en/%0d%0aset-cookie:a=b'))]);
        },
    },
    {
        id: 'E19',
        input: 'a query of 10,000 parameters; of 64 KB; with names repeated',
        answer: '414, 101',
        note: 'scripts see it as it was sent, and decide which one counts',
        run: (wire) => wire.http(up(`/?${'a=1&'.repeat(10000)}`), up(`/?a=${'x'.repeat(65536)}`), up('/?a=1&a=2')),
    },
    {
        id: 'E20',
        input: 'NULs, bytes that are no UTF-8, 16 MiB to a handler; one that raises',
        answer: 'echoed, Close 1011',
        note: 'the error is logged, the others go on',
        async run(wire) {
            const odd = Buffer.from('\0a\0\xff\xc0\x80', 'latin1');
            const big = Buffer.alloc(16 * MIB, odd);
            const exact = await wire.say([frame('binary', odd), frame('binary', big)], { echoes: [odd, big] });
            const watched = await wire.serveWatched();
            const other = await watched.client();
            const raised = await watched.say(text('raise'));
            await watched.say(text('x'), { raw: other, echoes: ['x'] });
            assert.match((await watched.rowcast.logged('client_script_failed')).message, /client\.lua:4: as told/);
            return inWords([exact, raised]);
        },
    },
];

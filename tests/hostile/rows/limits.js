// SPDX-License-Identifier: MIT
// Limits that are settings of ours.
'use strict';

const assert = require('node:assert/strict');
const { inWords, upgradeRequest: up } = require('../lib.js');
const { scriptFolder } = require('../../integration/lib/rowcast.js');
const { frame } = require('../../integration/lib/raw.js');

const text = (payload) => frame('text', payload);
const shipped = (wire, env) => wire.serve({ scripts: 'scripts', env });
const ADDRESS = 'return { connect = function(client) return { send = client.address } end }';

// The address a script sees of who comes from 127.0.0.1 with this header.
async function addressOf(wire, forwarded) {
    const raw = await wire.connect();
    raw.send(up('/', { 'X-Forwarded-For': forwarded }));
    assert.equal((await raw.response()).status, 101);
    const { payload } = await raw.frame();
    raw.destroy();
    return payload.toString();
}

exports.title = 'Limits';
exports.rows = [
    {
        id: 'L1',
        input: '`rate` 20/s burst 40: 1,000 messages at once',
        answer: 'read slowly, told `rate_limited`, closed with 4101',
        note: 'behind the answers to what was read; the others go on',
        async run(wire) {
            const limited = await shipped(wire, { ROWCAST_RATE: '20/s burst 40' });
            const other = await (await limited.client()).welcome();
            const raw = await (await limited.client()).welcome();
            const began = Date.now();
            raw.send(Buffer.concat(Array.from({ length: 1000 }, () => text('{"action":"ping"}'))));
            const seen = { pong: 0, told: 0 };
            for (let last; ; ) {
                const { kind, payload } = await raw.frame();
                if (kind === 'close') {
                    assert.equal(payload.readUInt16BE(0), 4101);
                    break;
                }
                last = JSON.parse(payload);
                if (last.data.code === 'rate_limited') seen.told++;
                else seen[last.type]++;
            }
            raw.destroy();
            assert.equal(seen.told, 1);
            assert.ok(seen.pong >= 40 && seen.pong < 400, JSON.stringify(seen));
            assert.ok(Date.now() - began >= 5000);
            other.send(text('{"action":"ping"}'));
            assert.equal((await other.expectMessage()).type, 'pong');
            return 'read slowly, told `rate_limited`, closed with 4101';
        },
    },
    {
        id: 'L2',
        input: 'the same with pings, and with unsolicited pongs',
        answer: 'Close 4101',
        async run(wire) {
            const limited = await shipped(wire, { ROWCAST_RATE: '20/s burst 40' });
            const closed = async (kind) => {
                const raw = await (await limited.client()).welcome();
                raw.send(Buffer.concat(Array.from({ length: 1000 }, () => frame(kind, ''))));
                for (;;) {
                    const seen = await raw.frame();
                    if (seen.kind === 'close') return `Close ${seen.payload.readUInt16BE(0)}`;
                }
            };
            return inWords(await Promise.all([closed('ping'), closed('pong')]));
        },
    },
    {
        id: 'L3',
        input: '`rate` 20/s burst 40: 60 messages, then peace',
        answer: 'all answered',
        async run(wire) {
            const limited = await shipped(wire, { ROWCAST_RATE: '20/s burst 40' });
            const raw = await (await limited.client()).welcome();
            raw.send(Buffer.concat(Array.from({ length: 60 }, () => text('{"action":"ping"}'))));
            for (let i = 0; i < 60; i++) assert.equal((await raw.expectMessage()).type, 'pong');
            return 'all answered';
        },
    },
    {
        id: 'L4',
        input: '`max_connections` 2: a third',
        answer: '101, 503, 101',
        note: 'as soon as one has left',
        async run(wire) {
            const full = await wire.serve({ env: { ROWCAST_MAX_CONNECTIONS: '2' } });
            const [first] = await full.clients(2);
            const refused = await full.http(up('/'));
            await full.say(frame('close', ''), { raw: first });
            return inWords(['101', refused, await full.http(up('/'))]);
        },
    },
    {
        id: 'L5',
        input: '`max_connections_per_address` 2, on 4 workers: a third; one behind a trusted proxy',
        answer: '429, 101',
        async run(wire) {
            const env = { ROWCAST_MAX_CONNECTIONS_PER_ADDRESS: '2', ROWCAST_TRUSTED_PROXIES: '127.0.0.0/8', ROWCAST_WORKERS: '4' };
            const shared = await wire.serve({ env });
            await shared.clients(2);
            const forwarded = up('/', { 'X-Forwarded-For': '203.0.113.9' });
            return shared.http(up('/'), up('/'), up('/'), up('/'), forwarded);
        },
    },
    {
        id: 'L6',
        input: 'X-Forwarded-For from who is trusted; with a forged part; from who is not',
        answer: '203.0.113.9, 203.0.113.9, 127.0.0.1',
        async run(wire) {
            const scripts = scriptFolder(wire.t, { files: { 'client.lua': ADDRESS } });
            const behind = await wire.serve({ scripts, env: { ROWCAST_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' } });
            const bare = await wire.serve({ scripts });
            const seen = [await addressOf(behind, '203.0.113.9'), await addressOf(behind, '6.6.6.6, 203.0.113.9, 10.1.2.3'), await addressOf(bare, '203.0.113.9')];
            return seen.join(', ');
        },
    },
    {
        id: 'L7',
        input: 'subprotocols `x, rowcast.v1.json` offered; `x`; none',
        answer: '101 with rowcast.v1.json, 101',
        note: 'with the shipped scripts',
        run: async (wire) => (await shipped(wire)).http(up('/', { 'Sec-WebSocket-Protocol': 'x, rowcast.v1.json' }), up('/', { 'Sec-WebSocket-Protocol': 'x' }), up('/')),
    },
    {
        id: 'L8',
        input: '`max_fragments` 1,024 (the default): one more',
        answer: 'Close 1009',
        async run(wire) {
            const usual = await shipped(wire);
            const raw = await (await usual.client()).welcome();
            const more = Array.from({ length: 1024 }, () => frame('continuation', '', { fin: false }));
            return usual.say([frame('text', '', { fin: false }), ...more], { raw, open: true });
        },
    },
];

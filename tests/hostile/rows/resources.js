// SPDX-License-Identifier: MIT
// Memory, time, and TCP.
'use strict';

const assert = require('node:assert/strict');
const { ended, inWords, kernel, sleep, get, upgradeRequest: up, MIB } = require('../lib.js');
const { until } = require('../../integration/lib/expect.js');
const { frame, closePayload } = require('../../integration/lib/raw.js');

const LONG = process.env.ROWCAST_TEST_LONG === 'yes';
const CYCLES = LONG ? 100000 : 5000;
const CAP = 16 * MIB;
const text = (payload, options) => frame('text', payload, options);
const begun = (payload) => text(payload, { fin: false });
const more = (payload, fin = false) => frame('continuation', payload, { fin });

const repeated = (bytes, count) => Buffer.concat(Array.from({ length: count }, () => bytes));

// Sends without reading until nothing is taken for a while, or the end.
async function flood(raw, bytes, most) {
    raw.socket.pause();
    let sent = 0;
    for (let quiet = 0; sent < most && !raw.socket.destroyed && quiet < 100; ) {
        if (raw.socket.writableLength > 4 * MIB) {
            quiet++;
            await sleep(5);
            continue;
        }
        quiet = 0;
        raw.send(bytes);
        sent += bytes.length;
        await sleep(0);
    }
    return sent;
}

// Connects, upgrades, closes, so many times, some at once.
async function cycle(wire, count) {
    let left = count;
    const worker = async () => {
        while (left-- > 0) {
            const raw = await wire.client();
            raw.send(frame('close', closePayload(1000)));
            await raw.expectClose(1000);
            wire.rowcast.guests.pop();
        }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
}

async function neverReading(wire, bytes, growth) {
    const pressed = await wire.serve({ scripts: 'examples/echo/scripts', env: { ROWCAST_HEARTBEAT: '2s' } });
    const before = pressed.descriptors();
    const other = await pressed.client();
    const raw = await pressed.client();
    const alive = setInterval(() => other.send(frame('pong', '')), 500);
    await pressed.grows(growth, () => flood(raw, bytes, 256 * MIB)).finally(() => clearInterval(alive));
    await pressed.say(text('still here'), { raw: other, echoes: ['still here'] });
    await pressed.settle('it is dropped', before);
    return 'not read any more, cut at the heartbeat';
}

exports.title = 'Resources and TCP';
exports.rows = [
    {
        id: 'D1',
        input: '50 clients with 131,000 one-byte fragments and no end',
        answer: 'kept, in less memory than twice what came',
        note: '1009 at `max_fragments`, 1,024 unless set',
        async run(wire) {
            const bytes = Buffer.concat([begun('x'), repeated(more('x'), 130999)]);
            const fresh = await wire.serve();
            const all = await fresh.clients(50);
            await fresh.grows(50 * 2 * 131000, async () => {
                for (const raw of all) raw.send(Buffer.concat([bytes, frame('ping', 'seen')]));
                for (const raw of all) await raw.expectFrame('pong', 'seen');
            });
            for (const raw of all) raw.destroy();
            return 'kept, in less memory than twice what came';
        },
    },
    {
        id: 'D2',
        input: 'the same for time',
        answer: 'linear',
        async run(wire) {
            const message = (count) => Buffer.concat([begun('x'), repeated(more('x'), count - 2), more('x', true)]);
            const time = (count, times) =>
                wire.costs(async () => {
                    const [raw, bytes] = [await wire.client(), message(count)];
                    for (let i = 0; i < times; i++) {
                        raw.send(bytes);
                        await raw.expectFrame('text', 'x'.repeat(count));
                    }
                    raw.destroy();
                });
            const [short, long] = [await time(8000, 160), await time(128000, 10)];
            assert.ok(long < 4 * short + 0.5, `${long} s for long messages, ${short} s for as much in short ones`);
            return 'linear';
        },
    },
    { id: 'D3', input: 'endless empty continuations', answer: 'Close 1009', note: 'at `max_fragments`', run: (wire) => wire.say([begun(''), repeated(more(''), 200000)], { open: true }) },
    { id: 'D4', input: 'fragments below `max_message` whose sum is above', answer: 'Close 1009', run: (wire) => wire.say([begun(Buffer.alloc(CAP / 2)), more(Buffer.alloc(CAP / 2)), more('x')], { open: true }) },
    { id: 'D5', input: 'a ping flood by who never reads', answer: 'not read any more, cut at the heartbeat', run: (wire) => neverReading(wire, repeated(frame('ping', ''), 10000), 16 * MIB) },
    { id: 'D6', input: 'echoes asked for and never read', answer: 'not read any more, cut at the heartbeat', note: 'the others go on', run: (wire) => neverReading(wire, repeated(text('x'.repeat(1000)), 100), 24 * MIB) },
    {
        id: 'D7',
        input: '1,000 idle clients that compress',
        answer: 'less than 4 KiB each',
        note: 'they have no context of their own',
        async run(wire) {
            const fresh = await wire.serve({ args: ['--deflate'] });
            await fresh.grows(4096 * 1000, () => fresh.clients(1000, { 'Sec-WebSocket-Extensions': 'permessage-deflate' }));
            return 'less than 4 KiB each';
        },
    },
    {
        id: 'D8',
        input: 'silence after connect; after 101; no pong',
        answer: 'closed at `handshake_timeout`, cut at the heartbeat',
        async run(wire) {
            const hasty = await wire.serve({ env: { ROWCAST_HANDSHAKE_TIMEOUT: '500ms', ROWCAST_HEARTBEAT: '500ms' } });
            const [dumb, idle] = [await hasty.connect(), await hasty.client()];
            await ended(dumb);
            assert.equal(dumb.bytes.length, 0);
            await idle.expectFrame('ping');
            await ended(idle);
            return 'closed at `handshake_timeout`, cut at the heartbeat';
        },
    },
    {
        id: 'D9',
        input: 'a Close that is not answered; not followed by the end of TCP',
        answer: 'the socket is freed',
        note: 'our Close has 2 s to leave, and the peer as many to end',
        async run(wire) {
            const before = wire.descriptors();
            const all = await wire.clients(20);
            for (const [i, raw] of all.entries()) {
                if (i % 2) raw.socket.pause(); // does not even see it
                raw.send(frame(7, 'x'));
            }
            await wire.settle('the sockets are freed', before);
            for (const raw of all) raw.destroy();
            return 'the socket is freed';
        },
    },
    {
        id: 'D10',
        input: 'half-close in the request; behind it; after 101; inside a frame',
        answer: 'closed; what was asked is answered, 1006 to the script',
        async run(wire) {
            const watched = await wire.serveWatched();
            const early = await watched.connect();
            early.socket.end('GET / HTT');
            await ended(early);
            const asked = await watched.connect();
            asked.socket.end(get('/health'));
            assert.equal((await asked.response()).status, 200);
            await asked.expectEnd();
            const upgraded = await watched.connect();
            upgraded.socket.end(Buffer.concat([Buffer.from(up('/')), text('x')]));
            assert.equal((await upgraded.response()).status, 101);
            await upgraded.expectFrame('text', 'x');
            await upgraded.expectEnd();
            const open = await watched.client();
            open.socket.end();
            await open.expectEnd();
            const cut = await watched.client();
            cut.socket.end(Buffer.concat([text('x'), frame('text', 'half', { length: 100 })]));
            await cut.expectFrame('text', 'x');
            await cut.expectEnd();
            await watched.allGone(3);
            assert.equal(watched.logged(/^went 1006$/).length, 3);
            return 'closed; what was asked is answered, 1006 to the script';
        },
    },
    {
        id: 'D11',
        input: 'reset after connect, in the request, after 101, inside a frame, while we write',
        answer: 'each close once',
        async run(wire) {
            const watched = await wire.serveWatched({ env: { ROWCAST_MAX_MESSAGE: '1MiB' } });
            const before = watched.descriptors();
            for (let i = 0; i < 20; i++) {
                (await watched.connect()).reset();
                const asking = await watched.connect();
                asking.send(up('/').slice(0, 7 * i + 1));
                asking.reset();
                (await watched.client()).reset();
                const inside = await watched.client();
                inside.send(frame('text', 'half', { length: 100 }));
                inside.reset();
                const written = await watched.client();
                written.socket.pause();
                written.send(repeated(text('x'.repeat(100000)), 20));
                await sleep(5);
                written.reset();
            }
            await watched.allGone(60);
            await watched.settle('the sockets are freed', before);
            return 'each close once';
        },
    },
    {
        id: 'D12',
        input: 'a message at the moment of the close, from either side',
        answer: 'each close once',
        async run(wire) {
            const watched = await wire.serveWatched();
            const before = watched.descriptors();
            const count = 90; // so many lines of one place are written before they are only counted
            for (let i = 0; i < count; i++) {
                const raw = await watched.client();
                raw.send(text(i % 2 ? 'close' : 'x'));
                if (i % 3) await sleep(0);
                raw.send(text('x'));
                if (i % 5) raw.socket.end();
                else raw.destroy();
                if (i % 7 === 0) raw.destroy();
            }
            await watched.allGone(count);
            await watched.settle('the sockets are freed', before);
            return 'each close once';
        },
    },
    {
        id: 'D13',
        input: 'no descriptors left: 200 connections, room for 40',
        answer: 'turned away, said and counted; those inside are served',
        async run(wire) {
            const narrow = await wire.serve();
            const inside = await narrow.client();
            await until('lines are counted', async () => (await narrow.rowcast.status()).uptime_seconds >= 2);
            kernel.limitDescriptors(narrow.pid, narrow.descriptors() + 40);
            const all = await Promise.all(Array.from({ length: 200 }, () => narrow.connect().catch(() => undefined)));
            await narrow.rowcast.logged('accept_failed');
            await until('most have been turned away', () => all.filter((raw) => !raw || raw.ending).length >= 150);
            const seconds = await narrow.costs(() => sleep(2000));
            assert.ok(seconds < 0.5, `${seconds} s of computing in 2 s of nothing`);
            inside.send(text('x'));
            await inside.expectFrame('text', 'x');
            for (const raw of all) raw?.destroy();
            const served = () =>
                narrow.connect().then(
                    (raw) => {
                        raw.send(up('/'));
                        return raw.response().then(({ status }) => status === 101, () => false);
                    },
                    () => false,
                );
            await until('newcomers are served again', served);
            // A line stands for all that were turned away at once.
            assert.ok((await narrow.rowcast.logged('repeated', { of: 'accept_failed' })).count > 0);
            return 'turned away, said and counted; those inside are served';
        },
    },
    {
        id: 'D14',
        input: `connect, upgrade, close: 100,000 times (5,000 unless --long)`,
        answer: 'no more memory or descriptors than after the first tenth',
        async run(wire) {
            const steady = await wire.serve();
            await cycle(steady, CYCLES / 10);
            const before = steady.descriptors();
            await steady.grows(2 * MIB, () => cycle(steady, CYCLES - CYCLES / 10));
            await steady.settle('the sockets are freed', before);
            return 'no more memory or descriptors than after the first tenth';
        },
    },
    {
        id: 'D15',
        input: 'refused (431, 1009) while still sending',
        answer: '431, Close 1009',
        note: 'readable, then the end: no reset',
        async run(wire) {
            const asking = await wire.connect();
            asking.send(up('/', { X: 'x'.repeat(8 * MIB) }));
            const first = await wire.answer(asking);
            const saying = await wire.client();
            saying.send(frame('binary', Buffer.alloc(CAP + 1)));
            return inWords([first, await wire.say([], { raw: saying, open: true })]);
        },
    },
    {
        id: 'D16',
        input: 'SIGTERM under load',
        answer: 'Close 1001 to all, exit 0',
        async run(wire) {
            const busy = await wire.serve();
            const all = await busy.clients(50);
            const goodbyes = all.map(async (raw) => {
                for (;;) {
                    raw.send(text('x'));
                    const { kind, payload } = await raw.frame();
                    if (kind === 'close') return payload.readUInt16BE(0);
                }
            });
            busy.rowcast.signal('SIGTERM');
            const codes = await Promise.all(goodbyes);
            for (const raw of all) raw.destroy();
            assert.deepEqual(codes, all.map(() => 1001));
            await busy.rowcast.expectExit(0);
            return 'Close 1001 to all, exit 0';
        },
    },
];

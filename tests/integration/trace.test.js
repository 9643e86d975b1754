// SPDX-License-Identifier: MIT
// Looking on: what has become of an event, and what comes.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { describe, it } = require('node:test');
const { serve, run, BINARY } = require('./lib/rowcast.js');
const { atEnd, until } = require('./lib/expect.js');
const { frame } = require('./lib/raw.js');
const { transaction, trade, vote, range } = require('./lib/rows.js');

// The lines of `rowcast tail` as they come, told apart by what it prints them on.
function tail(t, rowcast, ...args) {
    const child = spawn(BINARY, ['tail', '--admin', `127.0.0.1:${rowcast.adminPort}`, ...args], { stdio: 'pipe' });
    atEnd(t, () => child.kill('SIGKILL'));
    const seen = { events: [], told: '', code: undefined };
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        seen.events.push(...lines.map((line) => JSON.parse(line)));
    });
    child.stderr.setEncoding('utf8').on('data', (text) => (seen.told += text));
    child.on('close', (code) => (seen.code = code));
    return seen;
}

const costs = ({ events }) => events.map(({ data }) => Number(data.cost));
const story = (seen) => () => JSON.stringify(seen);

async function subscribed(rowcast, market) {
    const client = await rowcast.connect();
    await client.subscribe(market);
    return client;
}

async function page(rowcast, query) {
    const { status, body } = await rowcast.get(`/events?${query}`, rowcast.adminPort);
    assert.equal(status, 200, body);
    const [head, ...events] = body.trimEnd().split('\n').map((line) => JSON.parse(line));
    return { ...head, events };
}

describe('/events', () => {
    it('gives the events behind an id, and where the next question goes on', async (t) => {
        const rowcast = await serve(t);
        const begin = (await page(rowcast, '')).behind;
        rowcast.feed(transaction(0, trade('a', 1), vote('b', 2)), transaction(1, trade('b', 3)));
        await until('the events are there', async () => (await page(rowcast, `behind=${begin}`)).events.length === 3);

        const all = await page(rowcast, `behind=${begin}`);
        assert.deepEqual([all.whole, all.more, all.events.map(({ type }) => type)], [true, false, ['trade', 'vote', 'trade']]);
        const behindFirst = await page(rowcast, `behind=${all.events[0].id}`);
        assert.deepEqual(behindFirst.events, all.events.slice(1));
        assert.deepEqual((await page(rowcast, `behind=${all.behind}`)).events, []);
        assert.deepEqual((await page(rowcast, `behind=${begin}&topic=b&type=trade`)).events, all.events.slice(2));
        assert.deepEqual((await page(rowcast, `behind=${begin}&topic=c`)).events, []);
        for (const query of ['behind=yesterday', 'behind=%', `topic=${'x'.repeat(256)}`])
            assert.equal((await rowcast.get(`/events?${query}`, rowcast.adminPort)).status, 400, query);
        assert.equal((await rowcast.get('/events')).status, 404); // not on the public port
    });

    it('gives many in pages, and says when some are gone', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HISTORY: '16MiB' } });
        const { behind: begin } = await page(rowcast, '');
        const total = 30000;
        for (let i = 0; i < total; i += 500)
            rowcast.feed(transaction(i, ...Array.from({ length: 500 }, (_, k) => trade('a', i + k))));
        await until('all were read', async () => (await rowcast.metrics()).rowcast_transactions_total === total / 500);
        const seen = [];
        let pages = 0;
        let at = { behind: begin, more: true };
        for (; at.more; pages++) {
            at = await page(rowcast, `behind=${at.behind}`);
            seen.push(...at.events.map(({ data }) => Number(data.cost)));
            assert.equal(at.whole, true);
        }
        assert.deepEqual(seen, Array.from({ length: total }, (_, i) => i));
        assert.ok(pages > 3, `${pages} pages`);

        for (let i = 0; i < 60000; i += 500)
            rowcast.feed(transaction(i, ...Array.from({ length: 500 }, (_, k) => trade('a', i + k))));
        await until('the first ones are gone', async () => !(await page(rowcast, `behind=${begin}`)).whole);
    });
});

describe('rowcast tail', () => {
    it('prints what comes as clients get it, chosen by topic and type', async (t) => {
        const rowcast = await serve(t);
        const { behind } = await page(rowcast, '');
        const look = (...args) => tail(t, rowcast, '--since', behind, ...args);
        const [all, ofA, votes] = [look(), look('--topic', 'a'), look('--type', 'vote')];
        const client = await rowcast.connect();
        await client.subscribe('a');
        rowcast.feed(transaction(0, trade('a', 1), vote('b', 2)));
        const event = await client.expect({ type: 'trade' });
        await until('it is printed', () => all.events.length >= 2 && ofA.events.length >= 1 && votes.events.length >= 1, story({ all, ofA, votes }));
        assert.deepEqual(all.events[0], event);
        assert.deepEqual([all.events.length, ofA.events, votes.events], [2, [event], [all.events[1]]]);
    });

    it('begins where it is told to', async (t) => {
        const rowcast = await serve(t);
        const { behind } = await page(rowcast, '');
        rowcast.feed(transaction(0, trade('a', 1), trade('a', 2)));
        await until('the events are there', async () => (await page(rowcast, `behind=${behind}`)).events.length === 2);
        const seen = tail(t, rowcast, '--since', (await page(rowcast, `behind=${behind}`)).events[0].id);
        await until('the second is printed', () => seen.events.length === 1, story(seen));
        assert.deepEqual(costs(seen), [2]);
    });

    it('says why it cannot', async (t) => {
        const rowcast = await serve(t);
        const ask = (...args) => run(['tail', ...args]);
        const wrong = await ask('--admin', `127.0.0.1:${rowcast.adminPort}`, '--since', 'yesterday');
        assert.deepEqual([wrong.code, /--since wants the id/.test(wrong.stderr)], [2, true]);
        const off = await ask('--admin', 'off');
        assert.deepEqual([off.code, /is off: .*--admin 127/.test(off.stderr)], [2, true]);
        const nobody = await ask('--admin', '127.0.0.1:1');
        assert.deepEqual([nobody.code, /no router answers .*--admin/.test(nobody.stderr)], [1, true]);
        const publicPort = await ask('--admin', `127.0.0.1:${rowcast.port}`);
        assert.deepEqual([publicPort.code, /gives no events, but: 404/.test(publicPort.stderr)], [1, true]);
    });

    it('waits for a router that goes and comes back', async (t) => {
        const first = await serve(t);
        const seen = tail(t, first);
        first.feed(transaction(0, trade('a', 1)));
        await until('it looks on', async () => {
            first.feed(transaction(1, trade('a', 2)));
            return seen.events.length > 0;
        });
        await first.stop();
        await until('it says so', () => /waiting for it/.test(seen.told), story(seen));
        const second = await serve(t, { env: { ROWCAST_ADMIN: `127.0.0.1:${first.adminPort}` } });
        const before = seen.events.length;
        await until('it goes on', () => {
            second.feed(transaction(2, trade('b', 7)));
            return seen.events.slice(before).some(({ market_id }) => market_id === 'b');
        });
        assert.equal(seen.code, undefined);
    });
});

describe('rowcast explain', () => {
    const explain = (rowcast, id) => run(['explain', id, '--admin', `127.0.0.1:${rowcast.adminPort}`]);

    it('says which row made an event, and who got it', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_WORKERS: '1' } });
        const [one, two, other] = await Promise.all(['a', 'a', 'b'].map((market) => subscribed(rowcast, market)));
        rowcast.feed({ ...transaction(0, vote('b', 1), trade('a', 2)), lsn: '0/16B3748', xid: 731 });
        const [event] = await one.events(1);
        await two.events(1);
        await other.events(1);
        two.terminate();
        await until('it has gone', async () => (await rowcast.metrics()).rowcast_connections === 2);
        const { code, stdout, stderr } = await explain(rowcast, event.id);
        assert.equal(code, 0, stderr);
        assert.deepEqual(stdout.trimEnd().split('\n'), [
            'transaction  LSN 0/16B3748',
            'row          change 1 of it (insert), by tables/trades.lua as event 1',
            'topics       a',
            'published    to 2 subscriptions at worker 0',
            'subscribed   now: 1 clients, 0 of them have it still to come',
            `event        ${JSON.stringify(event)}`,
        ]);
    });

    it('names who is behind', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_WORKERS: '1', ROWCAST_MAX_QUEUE: '4KiB' } });
        const quick = await subscribed(rowcast, 'a');
        const slow = await rowcast.rawClient();
        slow.send(frame('text', JSON.stringify({ action: 'subscribe', market_id: 'a' })));
        await slow.expectFrame('text');
        slow.socket.pause();
        const long = 'x'.repeat(1000);
        let event;
        let sent = 0;
        await until('it is parked', async () => {
            rowcast.feed(...range(0, 200).map(() => transaction(sent, trade('a', sent++, { user_wallet: long }))));
            event = (await quick.events(200)).at(-1);
            return /behind {7}client_/.test((await explain(rowcast, event.id)).stdout);
        });
        const { stdout } = await explain(rowcast, event.id);
        assert.match(stdout, /^published {4}to 2 subscriptions at worker 0$/m);
        assert.match(stdout, /^subscribed {3}now: 2 clients, 1 of them have it still to come$/m);
        assert.match(stdout, /^behind {7}client_\d+_[a-z0-9]{9}$/m);
    });

    it('says why it does not know one', async (t) => {
        const rowcast = await serve(t);
        const client = await subscribed(rowcast, 'a');
        rowcast.feed(transaction(0, trade('a', 1)));
        const { id } = (await client.events(1))[0];
        const like = (change) => explain(rowcast, id.replace(/^(.{8})-(.{8})-(.{16})-(.{8})-(.{5})-(.{8})-(.{4})$/, change));
        for (const [change, why] of [
            ['00000000-$2-$3-$4-$5-$6-$7', /another database or publication/],
            ['$1-$2-00000000000000ff-$4-$5-$6-$7', /has not come as far/],
            ['$1-$2-$3-$4-$5-ffffffff-ffff', /no event but a position/],
            ['$1-$2-$3-$4-$5-00000007-$7', /there is none with this id/],
        ]) {
            const { code, stdout } = await like(change);
            assert.deepEqual([code, why.test(stdout)], [1, true], stdout);
        }
        const none = await run(['explain']);
        assert.deepEqual([none.code, /rowcast explain ID/.test(none.stderr)], [2, true]);
        const wrong = await explain(rowcast, 'yesterday');
        assert.deepEqual([wrong.code, /'yesterday' is not the id/.test(wrong.stderr)], [2, true]);
    });
});

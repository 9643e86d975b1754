// SPDX-License-Identifier: MIT
// What clients rely on: the messages of contract section 3.1, and how a connection lives and ends.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { until, suite, TIME, ID } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { trade, transaction } = require('./lib/rows.js');

const error = (sentence, code) => ({ type: 'error', timestamp: TIME, data: { error: sentence, code } });
const INVALID_FORMAT = error('Invalid message format', 'invalid_format');
const required = (action) => error(`market_id required for ${action} action`, 'market_id_required');

describe('the log', () => {
    it('begins with where it listens, and tells the end', async (t) => {
        const rowcast = await serve(t);
        assert.equal(rowcast.log[0].event, 'listening');
        assert.equal(rowcast.log[0].level, 'info');
        assert.match(rowcast.log[0].time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/);
        assert.ok(Number.isInteger(rowcast.log[0].port) && rowcast.log[0].port > 0);
        assert.equal(typeof rowcast.log[0].message, 'string');
        await rowcast.logged('source_started');
        rowcast.feed(transaction(1, trade('a', 1)));
        rowcast.endFeed();
        await rowcast.logged('source_ended');
        const client = await rowcast.connect(); // it goes on serving
        await client.expectNothing();
        rowcast.signal('SIGTERM');
        await rowcast.expectExit(0);
        await rowcast.logged('draining');
        assert.equal(rowcast.log.at(-1).event, 'stopped');
    });
});

describe('clients', () => {
    const owner = suite();
    let rowcast;
    before(async () => {
        rowcast = await serve(owner);
        await rowcast.logged('source_started');
    });

    it('are welcomed, each by its own name', async () => {
        const welcomes = [];
        for (let i = 0; i < 3; i++) welcomes.push(JSON.parse(await (await rowcast.connect({ plain: true })).next()));
        for (const { type, timestamp, data, ...rest } of welcomes) {
            const { client_id, message, ...more } = data;
            assert.deepEqual([type, message], ['welcome', 'Connected to ZMART WebSocket server']);
            assert.deepEqual([rest, more], [{}, {}]);
            assert.match(client_id, /^client_\d{10}_[0-9a-z]{9}$/);
            const then = Number(client_id.split('_')[1]) * 1000;
            assert.ok(Math.abs(then - Date.now()) < 60000, `${client_id} is not of now`);
            assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60000, `${timestamp} is not now`);
        }
        assert.equal(new Set(welcomes.map(({ data }) => data.client_id)).size, 3);
    });

    // The two tests of the service that rowcast replaces.
    it('connect: the first message is a welcome with data.client_id', async () => {
        const client = await rowcast.connect({ plain: true });
        const message = JSON.parse(await client.next());
        assert.equal(message.type, 'welcome');
        assert.ok(message.data.client_id);
    });
    it('subscribe: a market_state whose message contains Subscribed', async () => {
        const client = await rowcast.connect();
        client.send('{"action":"subscribe","market_id":"market-123"}');
        const message = await client.next();
        assert.equal(message.type, 'market_state');
        assert.ok(message.data.message.includes('Subscribed'));
        assert.ok(message.data.subscriptions.includes('market-123'));
    });

    it('connect at / and /ws, with any query', async () => {
        for (const path of ['', '/', '/ws', '/ws?token=a%20b&x', '/?x=1']) await (await rowcast.connect({ path })).close(1000);
        for (const path of ['/wss', '/ws/', '/w', '//', '/health'])
            await assert.rejects(rowcast.connect({ path }), (refusal) => [200, 404].includes(refusal.status), path);
    });

    it('subscribe and unsubscribe', async () => {
        const client = await rowcast.connect();
        const confirmed = (verb, market, subscriptions) => ({
            type: 'market_state',
            market_id: market,
            timestamp: TIME,
            data: { message: `${verb} market ${market}`, subscriptions, subscription_count: subscriptions.length },
        });
        client.send({ action: 'subscribe', market_id: 'b' });
        await client.expect(confirmed('Subscribed to', 'b', ['b']));
        client.send({ action: 'subscribe', market_id: 'a' });
        const { data } = await client.expect(confirmed('Subscribed to', 'a', ['b', 'a']));
        assert.match(data.id, ID);
        assert.equal(data.recovered, false);
        assert.ok(!('reason' in data), 'without since there is no reason');
        client.send({ action: 'subscribe', market_id: 'b' }); // once more
        await client.expect(confirmed('Subscribed to', 'b', ['b', 'a']));
        client.send({ action: 'unsubscribe', market_id: 'b' });
        await client.expect(confirmed('Unsubscribed from', 'b', ['a']));
        client.send({ action: 'unsubscribe', market_id: 'b' }); // once more
        await client.expect(confirmed('Unsubscribed from', 'b', ['a']));
        client.send({ action: 'unsubscribe', market_id: 'never' });
        await client.expect(confirmed('Unsubscribed from', 'never', ['a']));
        client.send({ action: 'subscribe', market_id: 'b' }); // now the newest
        await client.expect(confirmed('Subscribed to', 'b', ['a', 'b']));
        client.send({ action: 'unsubscribe', market_id: 'a' });
        await client.expect(confirmed('Unsubscribed from', 'a', ['b']));
        client.send({ action: 'unsubscribe', market_id: 'b' });
        await client.expect(confirmed('Unsubscribed from', 'b', []));
        await client.expectNothing();
    });

    it('subscribe to several at once, in order', async () => {
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_ids: ['z', 'a', 'm', 'a'] });
        const seen = [];
        for (const market of ['z', 'a', 'm', 'a']) seen.push((await client.subscribed(market)).subscriptions);
        assert.deepEqual(seen, [['z'], ['z', 'a'], ['z', 'a', 'm'], ['z', 'a', 'm']]);
        client.send({ action: 'unsubscribe', market_ids: ['a', 'z'] });
        await client.expect({ market_id: 'a', data: { message: 'Unsubscribed from market a', subscriptions: ['z', 'm'] } });
        await client.expect({ market_id: 'z', data: { message: 'Unsubscribed from market z', subscriptions: ['m'] } });
        await client.expectNothing();
    });

    it('may name markets with 128 bytes of anything but control characters', async () => {
        const client = await rowcast.connect();
        for (const market of ['m'.repeat(128), 'é'.repeat(64), '"\\/', ' ', '😀'.repeat(32), '\u2028', 'a,b', '__proto__'])
            await client.subscribe(market);
        await client.expectNothing();
    });

    it('are told what is wrong with a message, and stay connected', async () => {
        const client = await rowcast.connect();
        const sentences = [
            ['{"action":"subscribe"}', required('subscribe')],
            ['{"action":"subscribe","market_id":null}', required('subscribe')],
            ['{"action":"subscribe","market_id":""}', required('subscribe')],
            ['{"action":"unsubscribe"}', required('unsubscribe')],
            ['{"action":"unsubscribe","market_id":null}', required('unsubscribe')],
            ['{"action":"unsubscribe","market_id":""}', required('unsubscribe')],
            ['{"action":"dance"}', error('Unknown action: dance', 'unknown_action')],
            ['{"action":"Subscribe","market_id":"a"}', error('Unknown action: Subscribe', 'unknown_action')],
            ['{"action":""}', error('Unknown action: ', 'unknown_action')],
            ['{"action":"été \\"1\\""}', error('Unknown action: été "1"', 'unknown_action')],
            ['{"action":"__index"}', error('Unknown action: __index', 'unknown_action')],
        ];
        for (const [message, answer] of sentences) {
            client.send(message);
            const { data } = await client.expect(answer);
            assert.equal(typeof data.error, 'string');
            await client.expectNothing();
        }
    });

    it('are told that a message is no JSON object with a string action', async () => {
        const client = await rowcast.connect();
        const messages = [
            '',
            ' ',
            'hello',
            'null',
            'true',
            '42',
            '"subscribe"',
            '[]',
            '["subscribe"]',
            '[{"action":"ping"}]',
            '{}',
            '{"action":null}',
            '{"action":7}',
            '{"action":true}',
            '{"action":["ping"]}',
            '{"action":{"x":1}}',
            '{"Action":"ping"}',
            '{"action":"ping"',
            '{"action":"ping"}}',
            '{"action":"ping"} x',
            '{"action":"ping",}',
            "{'action':'ping'}",
            '{action:"ping"}',
            '{"action":"subscribe","market_id":"a","x":NaN}',
            `{"action":"ping","x":${'['.repeat(2000)}${']'.repeat(2000)}}`,
            Buffer.from('{"action":"ping"}'),
            Buffer.from([]),
            Buffer.from([0, 255, 254]),
        ];
        const ids = [
            '7',
            '1.5',
            'true',
            '["a"]',
            '{"a":1}',
            '"a\\u0000b"',
            '"a\\nb"',
            '"\\u007f"',
            `"${'m'.repeat(129)}"`,
            `"${'é'.repeat(65)}"`,
        ];
        for (const id of ids)
            for (const action of ['subscribe', 'unsubscribe']) messages.push(`{"action":"${action}","market_id":${id}}`);
        for (const message of messages) {
            client.send(message);
            await client.expect(INVALID_FORMAT);
            await client.expectNothing();
        }
    });

    it('are told of options of the wrong type or value', async () => {
        const client = await rowcast.connect();
        const options = [
            '"since":5',
            '"since":true',
            '"since":[]',
            '"since":["x"]',
            '"since":{"a":"x"}',
            '"events":"trade"',
            '"events":[]',
        ];
        options.push('"events":[1]', '"events":{"trade":true}', '"events":[null]');
        for (const option of options) {
            client.send(`{"action":"subscribe","market_id":"a",${option}}`);
            await client.expect({ type: 'error', data: { code: 'invalid_option', error: /./ } });
        }
        for (const rest of [
            '"market_ids":"a"',
            '"market_ids":{"a":1}',
            '"market_ids":["a"],"since":{"a":5}',
            '"market_ids":["a"],"since":["x"]',
        ]) {
            client.send(`{"action":"subscribe",${rest}}`);
            await client.expect({ type: 'error', data: { code: 'invalid_option', error: /./ } });
        }
        client.send('{"action":"subscribe","market_ids":[]}');
        await client.expect(required('subscribe'));
        client.send('{"action":"subscribe","market_ids":["a",7]}'); // then nothing of it is done
        await client.expect(INVALID_FORMAT);
        client.send('{"action":"subscribe","market_id":"a","since":null,"events":null,"other":[1,{"x":null}]}');
        assert.deepEqual((await client.subscribed('a')).subscriptions, ['a']);
        await client.expectNothing();
    });

    it('are answered a ping, and not a pong', async () => {
        const client = await rowcast.connect();
        const { id } = await client.subscribe('quiet');
        client.send({ action: 'pong' });
        client.send({ action: 'pong', extra: [] });
        client.send({ action: 'ping' });
        const pong = await client.expect({ type: 'pong', timestamp: TIME, data: { id } });
        assert.deepEqual(Object.keys(pong).sort(), ['data', 'timestamp', 'type']);
    });

    it('are answered in the order of their messages', async () => {
        const client = await rowcast.connect();
        for (let i = 0; i < 300; i++) client.send(i % 3 === 0 ? { action: 'ping' } : i % 3 === 1 ? { action: `a${i}` } : 'x');
        for (let i = 0; i < 300; i++) {
            if (i % 3 === 0) await client.expect({ type: 'pong' });
            else await client.expect(i % 3 === 1 ? error(`Unknown action: a${i}`, 'unknown_action') : INVALID_FORMAT);
        }
        await client.expectNothing();
    });

    it('may close, with and without a code', async () => {
        assert.deepEqual(await (await rowcast.connect()).close(1000, 'bye'), { code: 1000, reason: 'bye' });
        assert.equal((await (await rowcast.connect()).close(1001)).code, 1001);
        assert.equal((await (await rowcast.connect()).close(4321, 'x')).code, 4321);
        assert.equal((await (await rowcast.connect()).close()).code, 1005);
    });

    it('have the answers to what they sent before they closed', async () => {
        const client = await rowcast.connect();
        for (let i = 0; i < 50; i++) client.send({ action: `a${i}` });
        await client.close(1000);
        for (let i = 0; i < 50; i++) await client.expect(error(`Unknown action: a${i}`, 'unknown_action'));
    });

    it('see what is sent to all, in one order', async () => {
        const [one, other] = [await rowcast.connect(), await rowcast.connect({ path: '/ws' })];
        for (const client of [one, other]) await client.subscribe('order');
        for (let i = 0; i < 20; i++) rowcast.feed(transaction(i, trade('order', i), trade('elsewhere', i)));
        const seen = await one.events(20);
        assert.deepEqual(await other.events(20), seen);
        assert.deepEqual(
            seen.map((event) => event.data.cost),
            Array.from({ length: 20 }, (_, i) => String(i)),
        );
    });
});

describe('many subscriptions', () => {
    it('are listed up to 100', async (t) => {
        const rowcast = await serve(t);
        const client = await rowcast.connect();
        const markets = Array.from({ length: 102 }, (_, i) => `m-${i}`);
        client.send({ action: 'subscribe', market_ids: markets });
        for (const [i, market] of markets.entries()) {
            const expected = i < 100 ? markets.slice(0, i + 1) : [market];
            const { subscriptions, subscription_count } = await client.subscribed(market);
            assert.deepEqual([subscriptions, subscription_count], [expected, i + 1]);
        }
        client.send({ action: 'unsubscribe', market_ids: ['m-0', 'm-1', 'm-2'] });
        const { data } = await client.expect({ market_id: 'm-0', data: { subscription_count: 101 } });
        assert.ok(Array.isArray(data.subscriptions));
        await client.expect({ market_id: 'm-1', data: { subscription_count: 100, subscriptions: markets.slice(2) } });
        await client.expect({ market_id: 'm-2', data: { subscription_count: 99, subscriptions: markets.slice(3) } });
    });

    it('have an end, behind which there is an error', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_MAX_SUBSCRIPTIONS: '3' } });
        const client = await rowcast.connect();
        client.send({ action: 'subscribe', market_ids: ['a', 'b', 'c', 'd', 'b'] });
        for (const market of ['a', 'b', 'c']) await client.subscribed(market);
        await client.expect({ type: 'error', data: { code: 'too_many_subscriptions', error: /./ } });
        assert.deepEqual((await client.subscribed('b')).subscriptions, ['a', 'b', 'c']);
        client.send({ action: 'unsubscribe', market_id: 'a' });
        await client.expect({ data: { message: 'Unsubscribed from market a' } });
        assert.deepEqual((await client.subscribe('d')).subscriptions, ['b', 'c', 'd']);
        rowcast.feed(transaction(1, trade('a', 1), trade('d', 2), trade('b', 3)));
        assert.deepEqual(
            (await client.events(2)).map((event) => event.market_id),
            ['d', 'b'],
        );
        await client.expectNothing();
    });
});

describe('a heartbeat', () => {
    it('keeps who answers, and cuts who is silent', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HEARTBEAT: '300ms' } });
        const answering = await rowcast.connect(); // ws answers pings by itself
        const talking = await rowcast.rawClient(); // any message is a sign of life
        const silent = await rowcast.rawClient();
        const { frame } = require('./lib/raw.js');
        for (let i = 0; i < 6; i++) {
            await talking.expectFrame('ping');
            talking.send(frame('text', '{"action":"pong"}'));
        }
        await silent.expectFrame('ping');
        await until(
            'the end of the silent one',
            () => silent.ending,
            () => silent.seen,
        );
        assert.ok(!silent.bytes.includes(0x88), `no Close is said to who does not answer; ${silent.seen}`);
        await answering.pinged(8);
        await answering.expectNothing();
        await talking.expectFrame('ping');
    });

    it('sees a client that does not answer as 1006', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HEARTBEAT: '200ms' } });
        const client = await rowcast.connect();
        client.socket._receiver.removeAllListeners('ping'); // ws 8.11 has no setting for it yet
        await client.expectClosed(1006);
    });
});

describe('limits of connections', () => {
    it('answer 503 to one too many, until another one has left', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_MAX_CONNECTIONS: '3' } });
        const clients = [await rowcast.connect(), await rowcast.connect(), await rowcast.connect()];
        await assert.rejects(rowcast.connect(), { status: 503 });
        assert.equal((await rowcast.get('/health')).status, 200, 'who asks for the health is not a client');
        for (const client of clients) await client.expectNothing();
        await clients[0].close(1000);
        await until('a free place', () => rowcast.connect().catch(() => false));
        await assert.rejects(rowcast.connect(), { status: 503 });
        clients[1].terminate();
        await until('a free place', () => rowcast.connect().catch(() => false));
    });
});

describe('SIGTERM', () => {
    it('closes every client with 1001, and exits with 0', async (t) => {
        const rowcast = await serve(t);
        const clients = [];
        for (let i = 0; i < 10; i++) clients.push(await rowcast.connect({ path: i % 2 ? '/ws' : '/' }));
        for (const client of clients) await client.subscribe('a');
        rowcast.signal('SIGTERM');
        for (const client of clients) await client.expectClosed(1001);
        await rowcast.expectExit(0);
        await assert.rejects(rowcast.connect(), { code: 'ECONNREFUSED' });
    });

    it('or SIGINT without clients ends it at once', async (t) => {
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM', 'SIGINT', 'SIGTERM', 'SIGINT']) {
            const rowcast = await serve(t); // it has just said that it listens
            rowcast.signal(signal);
            await rowcast.expectExit(0);
        }
    });

    it('sends what was under way before the 1001', async (t) => {
        const rowcast = await serve(t);
        const client = await rowcast.connect();
        await client.subscribe('a');
        for (let i = 0; i < 200; i++) rowcast.feed(transaction(i, trade('a', i)));
        await client.arrived(1);
        rowcast.signal('SIGTERM');
        await client.expectClosed(1001);
        const seen = client.messages.map((event) => Number(event.data.cost));
        assert.deepEqual(
            seen,
            seen.map((_, i) => i),
            'what came is without a gap',
        );
    });

    it('does not wait for ever for who does not answer', async (t) => {
        const rowcast = await serve(t);
        const client = await rowcast.rawClient();
        rowcast.signal('SIGTERM');
        await client.expectFrame('close');
        await rowcast.expectExit(0);
    });

    it('twice ends it at once', async (t) => {
        const rowcast = await serve(t);
        await rowcast.rawClient(); // never answers
        rowcast.signal('SIGTERM');
        await rowcast.logged('draining');
        rowcast.signal('SIGTERM');
        await rowcast.ended();
        assert.equal(rowcast.exit.code, 0, rowcast.story);
        assert.equal(rowcast.lines('stopped').length, 0, 'it waited for the client');
    });
});

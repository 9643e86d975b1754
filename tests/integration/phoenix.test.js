// SPDX-License-Identifier: MIT
// examples/phoenix as the client of the Phoenix framework meets it: the package `phoenix` of npm, as it is.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { WebSocket } = require('./lib/client.js');
const { Database } = require('./lib/database.js');
const { until, atEnd } = require('./lib/expect.js');
const { npmRequire } = require('./lib/npm.js');
const { serve, ROOT } = require('./lib/rowcast.js');
const fs = require('node:fs');
const path = require('node:path');

const { Socket } = npmRequire('phoenix');
const SCRIPTS = 'examples/phoenix/scripts';
const EVENTS = ['new_message', 'message_changed', 'message_removed', 'rows_end'];

let second = 0;
const at = (change) => ({
    time: new Date(Date.parse('2025-11-09T12:00:00.000Z') + ++second * 1000).toISOString(),
    changes: [{ table: 'public.messages', ...change }],
});
const message = (id, room = 'lobby') => ({ id: String(id), room, author: 'ada', body: `message ${id}` });
const said = (id, room) => at({ op: 'insert', new: message(id, room) });

async function start(t) {
    const rowcast = await serve(t, { scripts: SCRIPTS });
    await rowcast.logged('source_started');
    return rowcast;
}

// A socket of the package. Its transports can be cut.
function open(owner, rowcast, options = {}) {
    const transports = [];
    class Transport extends WebSocket {
        constructor(...args) {
            super(...args);
            transports.push(this);
        }
    }
    const socket = new Socket(`${rowcast.url}/socket`, { transport: Transport, reconnectAfterMs: () => 20, rejoinAfterMs: () => 20, ...options });
    socket.transports = transports;
    socket.connect();
    atEnd(owner, () => new Promise((resolve) => socket.disconnect(resolve)));
    return socket;
}

// A channel that is joined: what it got is in `got`, as [event, message_id], the replies to its joins in `joins`.
async function join(socket, topic, params = {}) {
    const channel = socket.channel(topic, params);
    Object.assign(channel, { got: [], joins: [], refused: [] });
    for (const event of EVENTS) {
        channel.on(event, (payload) => {
            channel.got.push([event, payload.message_id]);
        });
    }
    const joined = channel.join();
    joined.receive('ok', (reply) => channel.joins.push(reply)).receive('error', (reply) => channel.refused.push(reply));
    await until(`an answer to the join of ${topic}`, () => channel.joins.length + channel.refused.length > 0);
    return channel;
}

const got = (channel, count) =>
    until(
        `${count} events`,
        () => channel.got.length >= count,
        () => JSON.stringify(channel.got),
    );

describe('examples/phoenix', () => {
    it('lets the stock client join, and tells it what happens in its rooms', async (t) => {
        const rowcast = await start(t);
        const socket = open(t, rowcast);
        const lobby = await join(socket, 'room:lobby');
        const attic = await join(socket, 'room:attic');
        assert.equal(lobby.joins[0].recovered, false);
        rowcast.feed(said(1), said(2, 'attic'), said(3, 'cellar'));
        rowcast.feed(at({ op: 'update', old: message(1), new: { ...message(1), body: 'mended' } }));
        rowcast.feed(at({ op: 'delete', old: message(1) }));
        await got(lobby, 3);
        await got(attic, 1);
        assert.deepEqual(lobby.got, [
            ['new_message', '1'],
            ['message_changed', '1'],
            ['message_removed', '1'],
        ]);
        assert.deepEqual(attic.got, [['new_message', '2']]);
    });

    it('refuses as Phoenix does', async (t) => {
        const socket = open(t, await start(t));
        assert.deepEqual((await join(socket, 'town:x')).refused[0], { reason: 'unmatched topic' });
        const lobby = await join(socket, 'room:lobby');
        let answer;
        lobby.push('shout', { body: 'hello' }).receive('error', (reply) => (answer = reply));
        await until('an answer', () => answer);
        assert.match(answer.reason, /rows that are written to the database/);
    });

    it('answers heartbeats', async (t) => {
        const rowcast = await start(t);
        const socket = open(t, rowcast, { heartbeatIntervalMs: 300 });
        let beats = 0;
        socket.onMessage(({ topic, event, payload }) => {
            beats += topic === 'phoenix' && event === 'phx_reply' && payload.status === 'ok';
        });
        await until('three heartbeats', () => beats >= 3);
    });

    it('lets it leave', async (t) => {
        const rowcast = await start(t);
        const socket = open(t, rowcast);
        const lobby = await join(socket, 'room:lobby');
        const attic = await join(socket, 'room:attic');
        let left = false;
        lobby.leave().receive('ok', () => (left = true));
        await until('the reply to leave', () => left);
        await until('the subscription is gone', async () => (await rowcast.status()).clients.subscriptions === 1);
        rowcast.feed(said(1), said(2, 'attic'));
        await got(attic, 1);
        assert.deepEqual(lobby.got, []);
    });

    it('misses nothing when it is cut: it joins again with `since`', async (t) => {
        const rowcast = await start(t);
        const socket = open(t, rowcast);
        let newest;
        const lobby = await join(socket, 'room:lobby', () => ({ since: newest }));
        for (const event of EVENTS) lobby.on(event, ({ id }) => (newest = id));
        rowcast.feed(said(1));
        await got(lobby, 1);
        socket.transports[0].terminate();
        rowcast.feed(said(2), said(3));
        await got(lobby, 3);
        rowcast.feed(said(4));
        await got(lobby, 4);
        assert.deepEqual(
            lobby.got.map(([, id]) => id),
            ['1', '2', '3', '4'],
        );
        assert.equal(lobby.joins.at(-1).recovered, true);
    });

    it('gives the newest rows of a room first, from a real database', async (t) => {
        const schema = fs.readFileSync(path.join(ROOT, 'examples/phoenix/schema.sql'), 'utf8');
        const database = await Database.create(t, { schema, setup: false });
        const setup = await database.db(['setup'], { ROWCAST_SCRIPTS: SCRIPTS });
        assert.equal(setup.code, 0, JSON.stringify(setup));
        const say = (body) => database.sql(`insert into messages (room, author, body) values ('lobby', 'ada', '${body}')`);
        await say('before');
        const rowcast = await serve(t, { database, scripts: SCRIPTS });
        await rowcast.logged('source_started');
        const lobby = await join(open(t, rowcast), 'room:lobby', { rows: true });
        assert.equal(lobby.joins[0].rows, 1);
        await got(lobby, 2);
        await say('after');
        await database.sql(`delete from messages where body = 'before'`);
        await got(lobby, 4);
        assert.deepEqual(lobby.got, [
            ['new_message', '1'],
            ['rows_end', undefined],
            ['new_message', '2'],
            ['message_removed', '1'],
        ]);
    });

    it('closes who speaks something else', async (t) => {
        const rowcast = await start(t);
        for (const text of ['{"action":"ping"}', '[]', 'x', '[1,2,"a","b",{}]']) {
            const client = await rowcast.connect({ plain: true, path: '/socket/websocket' });
            client.send(text);
            await client.expectClosed(1003);
        }
    });
});

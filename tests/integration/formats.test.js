// SPDX-License-Identifier: MIT
// Events in other shapes (contract section 5, `formats`): each client gets its own, live and missed, and no event is lost by it.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Database } = require('./lib/database.js');
const { serve, scriptFolder, writeFiles } = require('./lib/rowcast.js');
const { until } = require('./lib/expect.js');

// The message is "format topic [since]"; "-" is JSON.
const CLIENT = `
local function short(event)
    if event.n == 13 then error("unlucky") end
    if event.n == 7 then return nil end
    return event.type .. " " .. event.n
end
return {
    message = function(_, payload)
        local format, topic, since = payload:match("^(%S+) (%S+) ?(%S*)$")
        local subscribe = { subscribe = topic, since = since ~= "" and since or nil, snapshot = topic == "rows" or nil }
        if format == "-" then return subscribe end
        return { { format = format }, subscribe }
    end,
    subscribed = function(_, result)
        return { send = "at " .. (result.id or result.snapshot) }
    end,
    snapshot_end = function() return { send = "end" } end,
    error = function(_, code) return { send = code } end,
    formats = {
        short = short,
        bytes = function(event) return string.char(event.n), true end,
        list = function(event) return { event.type, event.n, cjson.null } end,
    },
}
`;
const TABLE = `
return {
    insert = function(new) return { type = "n", topic = { new.topic, "all" }, n = new.n } end,
    snapshot = function(topic) return { order = "n" } end,
}
`;
const FILES = { 'client.lua': CLIENT, 'tables/numbers.lua': TABLE };

let second = 0;
const number = (n, topic = 'a') => ({
    time: new Date(Date.parse('2025-11-09T12:00:00.000Z') + ++second * 1000).toISOString(),
    changes: [{ op: 'insert', table: 'public.numbers', new: { topic, n } }],
});

async function start(t) {
    const scripts = scriptFolder(t, { files: FILES });
    const rowcast = await serve(t, { scripts });
    await rowcast.logged('source_started');
    return { rowcast, scripts };
}

// A client that has said this, and where it was subscribed.
async function say(rowcast, text) {
    const client = await rowcast.connect({ plain: true });
    client.send(text);
    client.at = (await client.next()).slice(3);
    return client;
}

describe('formats', () => {
    it('give each client the shape it chose, and JSON to the others', async (t) => {
        const { rowcast } = await start(t);
        const clients = [];
        for (const format of ['-', 'short', 'bytes', 'list', 'short']) clients.push(await say(rowcast, `${format} a`));
        rowcast.feed(number(1));
        assert.deepEqual(JSON.parse(await clients[0].next()).n, 1);
        assert.equal(await clients[1].next(), 'n 1');
        assert.deepEqual(await clients[2].next(), Buffer.from([1]));
        assert.equal(await clients[3].next(), '["n",1,null]');
        assert.equal(await clients[4].next(), 'n 1');
    });

    it('give an event of two topics once, in order', async (t) => {
        const { rowcast } = await start(t);
        const client = await say(rowcast, 'short a');
        client.send('short all');
        assert.match(await client.next(), /^at /);
        rowcast.feed(number(1), number(2), number(3, 'b'), number(4));
        for (const n of [1, 2, 3, 4]) assert.equal(await client.next(), `n ${n}`);
    });

    it('leave out what they give nil for', async (t) => {
        const { rowcast } = await start(t);
        const client = await say(rowcast, 'short a');
        rowcast.feed(number(6), number(7), number(8));
        assert.equal(await client.next(), 'n 6');
        assert.equal(await client.next(), 'n 8');
    });

    it('shape what was missed, too', async (t) => {
        const { rowcast } = await start(t);
        const { at } = await say(rowcast, '- a');
        const witness = await say(rowcast, 'short a');
        rowcast.feed(...[1, 2, 3, 7, 4].map((n) => number(n)));
        for (const n of [1, 2, 3, 4]) assert.equal(await witness.next(), `n ${n}`);
        for (let round = 0; round < 2; round++) {
            const client = await say(rowcast, `short a ${at}`);
            for (const n of [1, 2, 3, 4]) assert.equal(await client.next(), `n ${n}`);
        }
        const list = await say(rowcast, `list a ${at}`);
        for (const n of [1, 2, 3, 7, 4]) assert.equal(await list.next(), `["n",${n},null]`);
        rowcast.feed(number(5));
        assert.equal(await list.next(), '["n",5,null]');
        assert.equal(await witness.next(), 'n 5');
    });

    it('may be changed while subscribed', async (t) => {
        const { rowcast } = await start(t);
        const client = await say(rowcast, 'short a');
        rowcast.feed(number(1));
        assert.equal(await client.next(), 'n 1');
        client.send('list b');
        await client.next();
        rowcast.feed(number(2), number(3, 'b'));
        assert.equal(await client.next(), '["n",2,null]');
        assert.equal(await client.next(), '["n",3,null]');
    });

    it('that raise close those who should have got the event, and nobody else', async (t) => {
        const { rowcast } = await start(t);
        const json = await say(rowcast, '- a');
        const other = await say(rowcast, 'short b');
        const list = await say(rowcast, 'list all');
        const client = await say(rowcast, 'short a');
        rowcast.feed(number(12), number(13), number(14), number(15, 'b'));
        assert.equal(await client.next(), 'n 12');
        await client.expectClosed(1011);
        for (const n of [12, 13, 14]) assert.equal(JSON.parse(await json.next()).n, n);
        for (const n of [12, 13, 14]) assert.equal(await list.next(), `["n",${n},null]`);
        assert.equal(await other.next(), 'n 15');
        const { message } = await rowcast.logged('client_script_failed');
        assert.match(message, /client\.lua:3: unlucky; the clients that should get this event as 'short' are closed/);

        // Who resumes comes to it again, and does not get past it.
        const late = await say(rowcast, `short a ${json.at}`);
        assert.equal(await late.next(), 'n 12');
        await late.expectClosed(1011);
    });

    it('are those of the newest scripts', async (t) => {
        const { rowcast, scripts } = await start(t);
        const short = await say(rowcast, 'short a');
        const list = await say(rowcast, 'list a');
        writeFiles(scripts, { 'client.lua': CLIENT.replace('event.type .. " "', '"new "').replace('list =', 'table =') });
        rowcast.signal('SIGHUP');
        await rowcast.logged('reloaded');
        await list.expectClosed(1011);
        rowcast.feed(number(1));
        assert.equal(await short.next(), 'new 1');
        const table = await say(rowcast, 'table a');
        rowcast.feed(number(2));
        assert.equal(await table.next(), '["n",2,null]');
    });

    it('that are none close the client', async (t) => {
        const { rowcast } = await start(t);
        const client = await rowcast.connect({ plain: true });
        client.send('long a');
        await client.expectClosed(1011);
        const { message } = await rowcast.logged('client_script_failed');
        assert.match(message, /the format 'long', which is none of those in 'formats'/);
    });

    it('shape the rows of a snapshot', async (t) => {
        const database = await Database.create(t, {
            schema: `create table numbers (n int primary key, topic text not null);
                insert into numbers select n, 'rows' from generate_series(1, 3) n`,
            setup: false,
        });
        const scripts = scriptFolder(t, { files: FILES });
        const setup = await database.db(['setup'], { ROWCAST_SCRIPTS: scripts });
        assert.equal(setup.code, 0, JSON.stringify(setup));
        const rowcast = await serve(t, { database, scripts });
        await rowcast.logged('source_started');
        const client = await say(rowcast, 'short rows');
        assert.equal(client.at, '3');
        for (const n of [1, 2, 3]) assert.equal(await client.next(), `n ${n}`);
        assert.equal(await client.next(), 'end');
        await database.sql(`insert into numbers values (4, 'rows')`);
        assert.equal(await client.next(), 'n 4');
    });

    it('cost nothing that stays', async (t) => {
        const { rowcast } = await start(t);
        const clients = [];
        for (let n = 0; n < 20; n++) clients.push(await say(rowcast, `short t${n}`));
        for (const client of clients) client.terminate();
        await until('no topic is left', async () => (await rowcast.status()).topics === 0);
    });
});

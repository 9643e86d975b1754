// SPDX-License-Identifier: MIT
// permessage-deflate (RFC 7692) with real clients: less on the wire, the same messages.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const path = require('node:path');
const { describe, it } = require('node:test');
const { serve, ROOT } = require('./lib/rowcast.js');
const { transaction, discussion, trades } = require('./lib/rows.js');

const ECHO = path.join(ROOT, 'examples', 'echo', 'scripts');
const DEFLATE = { env: { ROWCAST_DEFLATE: 'on' } };
const OFFER = { perMessageDeflate: { threshold: 0 } };

const agreed = (client) => client.socket._extensions['permessage-deflate']?.params;
const ALONE = { server_no_context_takeover: true, client_no_context_takeover: true };
const received = (client) => client.socket._socket.bytesRead;

// Everybody is subscribed, the same happens to all, and all see the same.
async function watch(rowcast, clients, rows, count) {
    for (const client of clients) await client.subscribe('a');
    const before = clients.map(received);
    rowcast.feed(...rows);
    const seen = await Promise.all(clients.map((client) => client.events(count)));
    for (const events of seen) assert.deepEqual(events, seen[0]);
    return clients.map((client, at) => received(client) - before[at]);
}

describe('compression', () => {
    it('is not agreed to unless it is switched on', async (t) => {
        const rowcast = await serve(t);
        assert.equal(agreed(await rowcast.connect(OFFER)), undefined);
    });

    it('makes events smaller, and leaves them what they are', async (t) => {
        const rowcast = await serve(t, DEFLATE);
        const [small, plain] = [await rowcast.connect(OFFER), await rowcast.connect()];
        assert.deepEqual({ ...agreed(small) }, ALONE);
        assert.equal(agreed(plain), undefined);
        const [less, all] = await watch(rowcast, [small, plain], trades('a', 0, 200), 200);
        assert.ok(less < 0.85 * all, `${less} bytes instead of ${all}`);
    });

    it('keeps within the window that the client has', async (t) => {
        const rowcast = await serve(t, DEFLATE);
        const narrow = await rowcast.connect({ perMessageDeflate: { serverMaxWindowBits: 9 } });
        assert.deepEqual({ ...agreed(narrow) }, { ...ALONE, server_max_window_bits: 9 });
        const rows = [10, 300, 400, 600, 5000].map((size, at) => transaction(at, discussion('a', at, 'far away '.repeat(size / 9) + at)));
        const wide = await rowcast.connect(OFFER);
        const [narrowly, widely] = await watch(rowcast, [narrow, wide], rows, rows.length);
        assert.ok(widely < narrowly && narrowly < 10000, `${widely}, ${narrowly}`);
    });

    it('is there for what was missed, too', async (t) => {
        const rowcast = await serve(t, DEFLATE);
        const client = await rowcast.connect(OFFER);
        const { id } = await client.subscribe('a');
        rowcast.feed(...trades('a', 0, 50));
        const live = await client.events(50);
        const later = await rowcast.connect(OFFER);
        await later.subscribe('a', { since: id });
        assert.deepEqual(await later.events(50), live);
    });

    it('is understood from the client, in pieces too', async (t) => {
        const rowcast = await serve(t, { scripts: ECHO, ...DEFLATE });
        const client = await rowcast.connect({ plain: true, ...OFFER });
        for (const text of ['', 'é', '{"a":1}', 'again and '.repeat(10000)]) {
            client.send(text, { compress: true });
            assert.equal(await client.next(), text);
        }
        client.send('in pi', { compress: true, fin: false });
        client.socket.ping();
        client.send('eces', { compress: true, fin: true });
        assert.equal(await client.next(), 'in pieces');
        const noise = randomBytes(100000);
        client.send(noise, { compress: true });
        assert.deepEqual(await client.next(), noise);
    });
});

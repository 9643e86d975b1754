// SPDX-License-Identifier: MIT
// examples/likes: a count that a trigger keeps in `markets`, told by an event of its own, or by the shipped scripts as they are.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const fs = require('node:fs');
const path = require('node:path');
const { Database, marketOf, start, voteOf } = require('./lib/database.js');
const { serve, ROOT } = require('./lib/rowcast.js');

const read = (file) => fs.readFileSync(path.join(ROOT, 'examples', file), 'utf8');
const SCHEMA = read('market/schema.sql') + read('likes/likes.sql');
const likesOf = (market, first, last) =>
    `insert into votes (market_id, user_wallet, vote_type, vote)
     select '${market}', 'w' || n, 'proposal', true from generate_series(${first}, ${last}) n`;

describe('examples/likes', () => {
    it('tells the count as it is, then as it changes', async (t) => {
        const database = await Database.create(t, { schema: SCHEMA });
        const rowcast = await serve(t, { database, scripts: 'examples/likes/scripts' });
        await rowcast.logged('source_started');
        await database.commit(marketOf('m'), likesOf('m', 1, 14));
        const client = await rowcast.connect({ plain: true });
        client.send('m');
        const next = async () => JSON.parse(await client.next());
        const shown = await next();
        assert.deepEqual([shown.snapshot, shown.data.text], [true, '14 likes']);

        await database.sql(likesOf('m', 15, 15));
        const event = await next();
        assert.deepEqual([event.type, event.market_id], ['likes', 'm']);
        assert.deepEqual(event.data, { likes: 15, change: 1, text: '15 likes' });

        await database.sql(voteOf('m')); // a dispute is no like
        await database.sql(`delete from votes where user_wallet in ('w1', 'w2') and vote_type = 'proposal'`);
        assert.deepEqual([(await next()).data.likes, (await next()).data.likes], [14, 13]);
        await database.sql(`update votes set vote = false where user_wallet = 'w3' and vote_type = 'proposal'`);
        assert.equal((await next()).data.text, '12 likes');
    });

    it('is in market_state without a line of Lua', async (t) => {
        const database = await Database.create(t, { schema: SCHEMA });
        const { client } = await start(t, database, ['m']);
        await database.commit(marketOf('m'), likesOf('m', 1, 2));
        const created = await client.expect({ type: 'market_state', data: { action: 'created' } });
        assert.equal(created.data.market.likes, 0);
        const events = await client.events(4);
        const counts = events.filter(({ type }) => type === 'market_state').map(({ data }) => data.market.likes);
        assert.deepEqual(counts, [1, 2]);
    });
});

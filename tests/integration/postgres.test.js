// SPDX-License-Identifier: MIT
// Rows of a real PostgreSQL: what is committed comes, once, in order, as the contract says it.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { suite, TIME } = require('./lib/expect.js');
const { run, scriptFolder } = require('./lib/rowcast.js');
const { Database, start, tradeOf, tradesOf, voteOf, marketOf } = require('./lib/database.js');
const { ids, costs, range } = require('./lib/rows.js');

const PATIENT = { ROWCAST_MAX_QUEUE: '64MiB' };

describe('commits', () => {
    const owner = suite();
    let database, rowcast, client;
    before(async () => {
        database = await Database.create(owner);
        ({ rowcast, client } = await start(owner, database, ['a', 'b']));
    });

    it('bring all four kinds of events', async () => {
        await database.sql(`${marketOf('a')};
            select trade('a', 'wallet-1', 'buy', true, 50);
            ${voteOf('a')};
            insert into discussions (id, market_id, user_wallet, content, created_at)
            values ('d1', 'a', 'w', e'it''s "é" 😀\\n\\\\', '2025-01-02 03:04:05.678+00');
            update markets set state = 'RESOLVING' where id = 'a';
            delete from markets where id = 'a';`);
        const events = await client.events(7);
        assert.deepEqual(
            events.map(({ type, data }) => [type, data.action]),
            [
                ['market_state', 'created'],
                ['market_state', 'updated'],
                ['trade', undefined],
                ['vote', undefined],
                ['discussion', undefined],
                ['market_state', 'updated'],
                ['market_state', 'deleted'],
            ],
        );
        for (const event of events) {
            assert.equal(event.market_id, 'a');
            assert.match(event.timestamp, TIME);
        }
        assert.deepEqual(ids(events), ids(events).sort(), 'ids ascend');
        const [created, updated, traded, voted, said, resolving, deleted] = events.map((event) => event.data);
        assert.deepEqual([created.old_state, created.new_state], [null, 'ACTIVE']);
        assert.deepEqual([resolving.old_state, resolving.new_state], ['ACTIVE', 'RESOLVING']);
        assert.deepEqual([deleted.old_state, deleted.new_state], ['RESOLVING', null]);
        const { created_at, updated_at, ...market } = created.market;
        assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/);
        assert.equal(updated_at, created_at);
        assert.deepEqual(market, {
            id: 'a',
            question: 'Will a?',
            state: 'ACTIVE',
            b: '100',
            yes_shares: 0,
            no_shares: 0,
            creator_wallet: null,
            price_yes: 0.5,
            price_no: 0.5,
        });
        const price = 1 / (1 + Math.exp(-0.5));
        assert.equal(updated.market.yes_shares, 50);
        assert.ok(Math.abs(updated.market.price_yes - price) < 1e-12);
        assert.deepEqual(
            [traded.trade_type, traded.outcome, traded.shares, traded.user_wallet],
            ['buy', true, '50', 'wallet-1'],
        );
        assert.match(traded.cost, /^\d+$/);
        assert.equal(traded.price_before, 0.5);
        assert.ok(Math.abs(traded.price_after - price) < 1e-12);
        assert.ok(Math.abs(traded.price_impact - (price - 0.5)) < 1e-12);
        assert.deepEqual({ ...voted, created_at: '' }, { vote_type: 'dispute', vote: false, user_wallet: 'w', created_at: '' });
        assert.deepEqual(said, {
            id: 'd1',
            content: 'it\'s "é" 😀\n\\',
            user_wallet: 'w',
            created_at: '2025-01-02T03:04:05.678Z',
        });
    });

    it('bring what was committed, never what was rolled back', async () => {
        await database.sql(`begin; ${tradeOf('a', 1)}; rollback;
            begin; ${tradeOf('a', 2)}; savepoint s; ${tradeOf('a', 3)}; rollback to s; ${tradeOf('a', 4)};
            savepoint s; ${tradeOf('a', 5)}; release s; commit;
            begin; ${tradeOf('a', 6)}; savepoint s; ${tradeOf('a', 7)}; rollback; ${tradeOf('a', 8)};`);
        assert.deepEqual(costs(await client.events(4)), [2, 4, 5, 8]);
        await assert.rejects(database.commit(tradeOf('a', 9), 'select 1 / 0'));
        await database.sql(tradeOf('a', 10));
        assert.deepEqual(costs(await client.events(1)), [10]);
        await client.expectNothing();
    });

    it('come in the order of commits, each whole', async () => {
        const [one, other] = [database.session(), database.session()];
        await one.sql('begin');
        await one.sql(tradeOf('a', 1));
        await other.sql('begin');
        await other.sql(tradeOf('a', 2));
        await one.sql(tradeOf('b', 3));
        await other.sql(tradeOf('b', 4));
        await other.sql('commit');
        await one.sql(tradeOf('a', 5));
        await one.sql('commit');
        const events = await client.events(5);
        assert.deepEqual(costs(events), [2, 4, 1, 3, 5]);
        assert.deepEqual(ids(events), ids(events).sort());
    });

    it('give their own time to their events', async () => {
        const lines = await database.sql(`
            select clock_timestamp();
            begin; ${tradeOf('a', 1)}; select pg_sleep(0.15); select now(); ${tradeOf('b', 2)}; commit;
            select clock_timestamp()`);
        const [began, inside, ended] = lines
            .filter((line) => /^\d{4}/.test(line))
            .map((line) => Date.parse(line.replace(' ', 'T').replace(/\+00$/, 'Z')));
        const events = await client.events(2);
        const [time, same] = events.map((event) => Date.parse(event.timestamp));
        assert.equal(time, same);
        assert.ok(
            time >= began + 140 && time >= inside + 140 && time <= ended + 1,
            `${events[0].timestamp} is not when it was committed: ${lines}`,
        );
        assert.equal(Date.parse(events[0].data.created_at), inside, 'created_at is when it began');
    });

    it('know the price around a trade where the same transaction has it', async () => {
        await database.sql(marketOf('b'));
        const [created] = await client.events(1);
        await database.commit(
            "select trade('b', 'w', 'buy', true, 20)",
            "select trade('b', 'w', 'buy', false, 5)",
            "select trade('b', 'w', 'sell', true, 7)",
        );
        const events = await client.events(6);
        assert.deepEqual(
            events.map((event) => event.type),
            Array(3).fill(['market_state', 'trade']).flat(),
        );
        let last = created.data.market.price_yes;
        for (let i = 0; i < 6; i += 2) {
            const { price_before, price_after, price_impact } = events[i + 1].data;
            assert.deepEqual([price_before, price_after], [last, events[i].data.market.price_yes]);
            assert.equal(price_impact, price_after - price_before);
            last = price_after;
        }
        await database.sql(tradeOf('b', 1));
        const [plain] = await client.events(1);
        for (const key of ['price_before', 'price_after', 'price_impact']) assert.ok(!(key in plain.data), key);
    });

    it('bring values of any length and kind', async () => {
        await database.sql(`
            alter table markets add tags text[], add extra jsonb, add happened timestamp, add ratio float8, add big bigint,
                add raw bytea, add flag bool, add day date;
            insert into markets
                (id, question, state, b, yes_shares, no_shares, tags, extra, happened, ratio, big, raw, flag, day)
            values ('a', repeat('long é ', 30000), 'ACTIVE', 0, -5, 2147483647, '{x,NULL,"a b"}',
                '{"n": 12345678901234567890.10, "l": [1, {}]}', '2025-01-02 03:04:05.123456', 'NaN', -9223372036854775808,
                '\\x00ff', true, '2025-12-31')`);
        const [{ data }] = await client.events(1);
        const { question, ...rest } = data.market;
        assert.equal(question, 'long é '.repeat(30000));
        for (const key of ['created_at', 'updated_at']) assert.match(rest[key], /Z$/);
        assert.deepEqual(
            { ...rest, created_at: 0, updated_at: 0 },
            {
                id: 'a',
                state: 'ACTIVE',
                b: '0',
                yes_shares: -5,
                no_shares: 2147483647,
                creator_wallet: null,
                created_at: 0,
                updated_at: 0,
                price_yes: null,
                price_no: null,
                tags: ['x', null, 'a b'],
                extra: { n: 12345678901234567890.1, l: [1, {}] },
                happened: '2025-01-02T03:04:05.123456',
                ratio: 'NaN',
                big: '-9223372036854775808',
                raw: '\\x00ff',
                flag: true,
                day: '2025-12-31',
            },
        );
        await database.sql("update markets set yes_shares = 6 where id = 'a'"); // the long value was not touched
        const [updated] = await client.events(1);
        assert.equal(updated.data.market.question, question);
        assert.equal(updated.data.market.yes_shares, 6);
        await database.sql(`
            alter table markets rename column big to larger;
            update markets set yes_shares = 7 where id = 'a';
            delete from markets where id = 'a'`);
        assert.deepEqual(
            (await client.events(2)).map((event) => event.data.market.larger),
            Array(2).fill('-9223372036854775808'),
        );
        await client.expectNothing();
    });

    it('that empty a table, or concern others, bring nothing and break nothing', async () => {
        await database.writeElsewhere();
        await database.sql(`truncate trades, votes; vacuum markets; analyze; ${tradeOf('a', 1)}`);
        assert.deepEqual(costs(await client.events(1)), [1]);
        await client.expectNothing();
        assert.equal(rowcast.lines('row_script_failed').length, 0, rowcast.story);
    });

    it('may carry messages', async (t) => {
        const scripts = scriptFolder(t, {
            shipped: true,
            files: {
                'messages.lua': `return function(content)
                    return { type = "said", topic = "a", market_id = "a", data = { content = content } }
                end`,
            },
        });
        const own = await Database.create(t);
        const { client: listener } = await start(t, own, ['a'], { scripts });
        const say = (content, prefix = 'rowcast') => `select pg_logical_emit_message(true, '${prefix}', '${content}')`;
        await own.commit(tradeOf('a', 1), say('{"x": "é"}'), tradeOf('a', 2));
        await own.sql(`begin; ${say('never')}; rollback; ${say('not ours', 'other')}; ${say('alone')}`);
        const told = (await listener.events(4)).map(({ type, data }) => [type, data.cost ?? data.content]);
        assert.deepEqual(told, [
            ['trade', '1'],
            ['said', '{"x": "é"}'],
            ['trade', '2'],
            ['said', 'alone'],
        ]);
        await listener.expectNothing();
    });

    it('of 20,000 rows come completely, in order', async (t) => {
        const own = await Database.create(t);
        const { rowcast: router, client: patient } = await start(t, own, ['a'], { env: PATIENT });
        await own.sql(`${tradeOf('a', 0)}; ${tradesOf('a', 1, 20000)}; ${tradeOf('a', 20001)}`);
        const events = await patient.events(20002);
        assert.deepEqual(costs(events), range(0, 20002));
        for (let i = 1; i < events.length; i++)
            assert.ok(events[i].id > events[i - 1].id, `${events[i].id} is not behind ${events[i - 1].id}`);
        assert.equal(new Set(events.slice(1, 20001).map((event) => event.timestamp)).size, 1);
        const late = await router.connect();
        assert.equal((await late.subscribe('a', { since: events[9999].id })).recovered, true);
        assert.deepEqual(ids(await late.events(10002)), ids(events.slice(10000)));
    });
});

describe('tables of another shape', () => {
    it('work with fewer columns and other number types', async (t) => {
        const database = await Database.create(t, {
            schema: `create table markets (id bigint primary key, state text, b float8, yes_shares bigint, no_shares numeric);
                alter table markets replica identity full;
                create table trades (id int primary key, market_id bigint, user_wallet text, trade_type text, outcome bool,
                    shares int, cost numeric, created_at timestamptz);
                create table votes (market_id int primary key, user_wallet text, vote_type text, vote bool,
                    created_at timestamptz);
                create table discussions (id int primary key, market_id numeric, user_wallet text, content varchar,
                    created_at timestamp)`,
        });
        const { rowcast, client } = await start(t, database, ['9007199254740993', '5']);
        await database.sql(`
            insert into markets values (9007199254740993, 'ACTIVE', 100, 0, 0);
            begin;
            update markets set yes_shares = 50;
            insert into trades values (1, 9007199254740993, 'w', 'buy', true, 50, 12.50, '2025-01-02 03:04:05+00');
            commit;
            insert into votes values (5, 'w', 'proposal', true, null);
            insert into discussions values (7, 5, 'w', 'c', '2025-01-02 03:04:05')`);
        const [created, updated, trade, vote, discussion] = (await client.events(5)).map((event) => event.data);
        assert.equal(created.market.price_yes, 0.5);
        const price = updated.market.price_yes;
        assert.ok(Math.abs(price - 1 / (1 + Math.exp(-0.5))) < 1e-12);
        assert.deepEqual(updated.market, {
            ...{ id: '9007199254740993', state: 'ACTIVE', b: 100, yes_shares: 50, no_shares: 0 },
            ...{ price_yes: price, price_no: 1 - price },
        });
        assert.deepEqual([trade.shares, trade.cost, trade.price_before, trade.price_after], ['50', '12.50', 0.5, price]);
        assert.equal(vote.vote, true);
        assert.equal(discussion.created_at, '2025-01-02T03:04:05.000');
        assert.equal(rowcast.lines('row_script_failed').length, 0, rowcast.story);
    });

    it('work without the old row', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['a']);
        await database.sql(`
            alter table markets replica identity default;
            alter table markets alter question set storage external;
            insert into markets (id, question, state, b) values ('a', repeat('q', 30000), 'ACTIVE', 100);
            select trade('a', 'w', 'buy', true, 50);
            update markets set state = 'RESOLVING';
            delete from markets`);
        const [created, updated, trade, resolving, deleted] = (await client.events(5)).map((event) => event.data);
        assert.equal(created.market.question.length, 30000);
        assert.ok(!('question' in updated.market), 'a value that did not come is left out, it is not null');
        assert.equal(updated.market.yes_shares, 50);
        assert.deepEqual([updated.old_state, updated.new_state], [null, 'ACTIVE']);
        assert.ok(!('price_before' in trade) && !('price_impact' in trade), 'what is not known is absent');
        assert.deepEqual([resolving.old_state, resolving.new_state], [null, 'RESOLVING']);
        assert.deepEqual([deleted.action, deleted.new_state, deleted.market.id], ['deleted', null, 'a']);
        assert.equal(rowcast.lines('row_script_failed').length, 0, rowcast.story);
    });
});

describe('the text of values', () => {
    it('does not depend on the settings of database and role', async (t) => {
        const database = await Database.create(t);
        const { rowcast, client } = await start(t, database, ['a']);
        const row = `
            update markets set creator_wallet = 'w' where id = 'a';
            insert into discussions (id, market_id, user_wallet, content, created_at)
            values (gen_random_uuid(), 'a', 'w', 'é', '2025-06-07 08:09:10.123456+00')`;
        await database.sql(`
            alter table markets add d date, add i interval, add f float8, add raw bytea, add n numeric;
            insert into markets (id, question, state, b, created_at, updated_at, d, i, f, raw, n)
            values ('a', 'é', 'ACTIVE', 12.50, '2025-06-07 08:09:10.5+00', '2024-02-29 00:00:00+00', '2025-12-31',
                '1 day 02:03:04.5', 0.1 + 0.2::float8, '\\x00ff', 1e20);
            ${row}`);
        const [, ...usual] = await client.events(3);
        const settings = ["timezone = 'Asia/Tokyo'", "datestyle = 'German, DMY'", "intervalstyle = 'iso_8601'"];
        settings.push("bytea_output = 'escape'", 'extra_float_digits = -5');
        await database.sql(settings.map((setting) => `alter database ${database.name} set ${setting};`).join(''));
        await database.cut();
        await rowcast.logged('source_started', {}, 2);
        await database.sql(row);
        const odd = await client.events(2);
        assert.deepEqual(odd[0].data, usual[0].data);
        assert.deepEqual({ ...odd[1].data, id: 0 }, { ...usual[1].data, id: 0 });
        assert.equal(usual[1].data.created_at, '2025-06-07T08:09:10.123456Z');
        assert.equal(usual[0].data.market.f, 0.30000000000000004);
        assert.equal(usual[0].data.market.raw, '\\x00ff');
    });
});

describe('ids', () => {
    it('are equal in two routers with slots of their own, and one resumes at the other', async (t) => {
        const database = await Database.create(t);
        const second = { settings: { ...database.settings, ROWCAST_SLOT: `${database.slot}_b` } };
        assert.equal((await run(['db', 'setup'], { env: second.settings })).code, 0);
        const one = await start(t, database, ['a', 'b']);
        const other = await start(t, second, ['a', 'b'], { env: { ROWCAST_WORKERS: '1' } });
        const seen = [];
        for (let round = 0; round < 5; round++) {
            await database.sql(`begin; ${tradesOf('a', 1, 10)}; ${voteOf('b')}; commit; ${tradeOf('b', 11)}; ${voteOf('a')}`);
            const events = await one.client.events(13);
            assert.deepEqual(await other.client.events(13), events);
            seen.push(...events);
        }
        for (const at of [0, 4, 30, 64]) {
            const client = await other.rowcast.connect();
            client.send({ action: 'subscribe', market_ids: ['a', 'b'], since: seen[at].id });
            for (const market of ['a', 'b']) {
                const missed = seen.slice(at + 1).filter((event) => event.market_id === market);
                assert.equal((await client.subscribed(market)).recovered, true);
                assert.deepEqual(await client.events(missed.length), missed);
            }
            await client.expectNothing();
        }
    });

    it('of another database are told as such', async (t) => {
        const [here, there] = [await Database.create(t), await Database.create(t)];
        const one = await start(t, here, ['a']);
        const other = await start(t, there, ['a']);
        await here.sql(tradeOf('a', 1));
        await there.sql(tradeOf('a', 2));
        const [[mine], [theirs]] = [await one.client.events(1), await other.client.events(1)];
        assert.equal((await one.client.subscribe('a', { since: mine.id })).recovered, true);
        for (const since of [theirs.id, await other.client.expectNothing()]) {
            const { recovered, reason, id } = await one.client.subscribe('a', { since });
            assert.deepEqual([recovered, reason], [false, 'stream_reset']);
            assert.ok((await one.client.expectNothing()) >= id); // it moves on with what others write
        }
        await here.sql(tradeOf('a', 3));
        assert.deepEqual(costs(await one.client.events(1)), [3]);
    });
});

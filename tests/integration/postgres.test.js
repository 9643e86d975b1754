// SPDX-License-Identifier: MIT
// Rows of a real PostgreSQL: what is committed comes, once, in order, whatever happens to the connection between.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { until, suite, TIME } = require('./lib/expect.js');
const { serve, run, scriptFolder } = require('./lib/rowcast.js');
const { Database, Server, psql } = require('./lib/database.js');
const { range } = require('./lib/rows.js');

const PATIENT = { ROWCAST_MAX_QUEUE: '64MiB' };
const TRADES = 'trades (market_id, user_wallet, trade_type, outcome, shares, cost)';

const ids = (events) => events.map((event) => event.id);
const costs = (events) => events.map((event) => Number(event.data.cost));
const tradeOf = (market, cost) => `insert into ${TRADES} values ('${market}', 'w', 'buy', true, 1, ${cost})`;
const tradesOf = (market, first, last) =>
    `insert into ${TRADES} select '${market}', 'w', 'buy', true, 1, n from generate_series(${first}, ${last}) n`;
const voteOf = (market) =>
    `insert into votes (market_id, user_wallet, vote_type, vote) values ('${market}', 'w', 'dispute', false)`;
const commentOf = (market, id, content) =>
    `insert into discussions (id, market_id, user_wallet, content) values ('${id}', '${market}', 'w', '${content}')`;
const marketOf = (id) => `insert into markets (id, question, state, b) values ('${id}', 'Will ${id}?', 'ACTIVE', 100)`;

// A router for the database, and a client that is subscribed.
async function start(owner, database, markets, options = {}) {
    const rowcast = await serve(owner, { database, ...options });
    await rowcast.logged('source_started');
    const client = await rowcast.connect();
    for (const market of markets) await client.subscribe(market);
    return { rowcast, client };
}

// The sentence at which the router says what is missing, in its log and at /ready.
async function complaint(rowcast, pattern) {
    const { message, level } = await rowcast.logged('source_lost', { message: pattern });
    assert.equal(level, 'warn');
    const { json } = await rowcast.ready({ status: 503 });
    assert.match(Object.values(json.checks).join('\n'), pattern);
    return message;
}

describe('PostgreSQL', () => {
    const owner = suite();

    // A client that waits while others are served: for the last test, which is about half a minute.
    const away = {};
    before(async () => {
        const database = { settings: { DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/none' } };
        away.rowcast = await serve(owner, { database });
        away.client = await away.rowcast.connect();
        away.began = Date.now();
        away.client.send({ action: 'subscribe', market_ids: ['a', 'b'] });
        away.client.send({ action: 'ping' });
        away.client.send({ action: 'dance' });
    });

    describe('that is away', () => {
        it('is said in the log and at /ready, without its password', async () => {
            const message = await complaint(away.rowcast, /127\.0\.0\.1:1\b/);
            const answer = await away.rowcast.getJson('/ready');
            assert.equal(answer.json.status, 'unavailable');
            assert.doesNotMatch(JSON.stringify([message, answer.json, away.rowcast.log, away.rowcast.strays]), /s3cret/);
            assert.equal((await away.rowcast.get('/health')).status, 200);
        });

        it('keeps nobody from connecting', async () => {
            const other = await away.rowcast.connect();
            other.send({ action: 'dance' });
            await other.expect({ type: 'error', data: { code: 'unknown_action' } });
            await other.close(1000);
        });

        it('is waited for: what clients asked is answered when it comes, in order', async (t) => {
            const server = await Server.start(t);
            const database = await Database.create(t, { server });
            await server.stop();
            const rowcast = await serve(t, { database });
            await complaint(rowcast, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
            const [client, leaving] = [await rowcast.connect(), await rowcast.connect()];
            for (const one of [client, leaving]) one.send({ action: 'subscribe', market_ids: ['a', 'b'] });
            client.send({ action: 'ping' });
            client.send({ action: 'unsubscribe', market_id: 'b' });
            client.send('nonsense');
            leaving.terminate();
            await server.start();
            await rowcast.logged('source_started');
            const { id } = await client.subscribed('a');
            assert.equal((await client.subscribed('b')).recovered, false);
            await client.expect({ type: 'pong', data: { id } });
            await client.expect({ data: { message: 'Unsubscribed from market b', subscriptions: ['a'] } });
            await client.expect({ type: 'error', data: { code: 'invalid_format' } });
            await rowcast.ready();
            await database.commit(tradeOf('b', 1), tradeOf('a', 2));
            assert.deepEqual(costs(await client.events(1)), [2]);
            await client.expectNothing();
        });
    });

    describe('rowcast db', () => {
        it('setup makes what is missing, once; status tells', async (t) => {
            const database = await Database.create(t, { setup: false });
            const things = () =>
                database.sql(`select p.oid, pt.* from pg_publication p join pg_publication_tables pt using (pubname) order by tablename;
                select slot_name, plugin, temporary, catalog_xmin is null from pg_replication_slots where database = current_database()`);
            const before_ = await database.db(['status']);
            assert.equal(before_.code, 1, JSON.stringify(before_));
            assert.match(before_.stdout + before_.stderr, /rowcast db setup/);

            const dry = await database.setup('--dry-run');
            assert.match(dry.stdout, /create publication/i);
            assert.match(dry.stdout, /pg_create_logical_replication_slot/i);
            assert.ok(dry.stdout.search(/create publication/i) < dry.stdout.search(/pg_create_logical/i), 'publication first');
            assert.deepEqual(await things(), [], 'a dry run changes nothing');

            const made = await database.setup();
            assert.match(made.stdout, /./);
            const after = await things();
            assert.equal(after.length, 5, 'a publication of four tables, and a slot');
            assert.match(after[4], new RegExp(`^${database.slot}\\|pgoutput\\|f`));
            for (const table of ['discussions', 'markets', 'trades', 'votes'])
                assert.ok(
                    after.some((line) => line.includes(`|${table}|`)),
                    table,
                );

            await database.setup();
            assert.deepEqual(await things(), after, 'a second time changes nothing');
            const status = await database.db(['status']);
            assert.equal(status.code, 0, JSON.stringify(status));
            assert.ok(status.stdout.includes(database.slot), status.stdout);
        });

        it('setup --dry-run prints SQL that does it', async (t) => {
            const database = await Database.create(t, { setup: false });
            const { stdout } = await database.setup('--dry-run');
            await database.sql(stdout);
            assert.equal((await database.db(['status'])).code, 0);
            const again = await database.setup('--dry-run');
            assert.doesNotMatch(again.stdout, /^\s*(create|alter|select)\b/im, 'nothing is left to do');
        });

        it('setup adds what a new script needs', async (t) => {
            const database = await Database.create(t);
            await database.sql('create table bays (id int primary key, depot text)');
            const scripts = scriptFolder(t, {
                shipped: true,
                files: { 'tables/bays.lua': 'return { insert = function() end }' },
            });
            const env = { ROWCAST_SCRIPTS: scripts };
            const { code, stdout } = await database.db(['status'], env);
            assert.equal(code, 1);
            assert.match(stdout, /bays/);
            assert.equal((await database.db(['setup'], env)).code, 0);
            assert.equal((await database.db(['status'], env)).code, 0);
        });

        it('setup knows how tables are spelled', async (t) => {
            const database = await Database.create(t, {
                setup: false,
                schema: 'create table markets (id text primary key); create table trade (id int primary key); create table votes (id int primary key); create table discussions (id int primary key)',
            });
            const { code, stderr } = await database.db(['setup']);
            assert.ok([1, 78].includes(code), `${code} ${stderr}`);
            assert.match(stderr, /trades/);
            assert.match(stderr, /did you mean .*trade\b/);
            assert.equal((await database.db(['status'])).code, 1);
        });

        it('setup refuses a table whose updates would fail', async (t) => {
            const schema =
                'create table markets (id text); create table trades (id int primary key); create table votes (id int primary key); create table discussions (id int primary key)';
            const database = await Database.create(t, { setup: false, schema });
            const { code, stderr } = await database.db(['setup']);
            assert.notEqual(code, 0);
            assert.match(stderr, /markets/);
            assert.match(stderr, /--identity-full/);
            await database.sql("insert into markets values ('a'); update markets set id = 'b'"); // nobody is hurt
            await database.setup('--identity-full');
            assert.deepEqual(await database.sql("select relreplident from pg_class where relname = 'markets'"), ['f']);
            await database.sql("update markets set id = 'c'");
            assert.equal((await database.db(['status'])).code, 0);
        });

        it('without a database is refused, with one that is away, too', async (t) => {
            for (const verb of ['setup', 'status']) {
                const none = await run(['db', verb]);
                assert.equal(none.code, 78);
                assert.match(none.stderr, /DATABASE_URL/);
                const gone = await run(['db', verb], { env: { DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/x' } });
                assert.equal(gone.code, 69, gone.stderr);
                assert.match(gone.stderr, /127\.0\.0\.1:1/);
                assert.doesNotMatch(gone.stderr, /s3cret/);
            }
            const database = await Database.create(t, { setup: false });
            const wrong = await run(['db', 'status'], { env: { DATABASE_URL: `${database.url}_not` } });
            assert.equal(wrong.code, 69, wrong.stderr);
            assert.match(wrong.stderr, new RegExp(`${database.name}_not`));
        });
    });

    describe('commits', () => {
        let database, rowcast, client;
        before(async () => {
            database = await Database.create(owner);
            ({ rowcast, client } = await start(owner, database, ['a', 'b']));
        });

        it('bring all four kinds of events', async () => {
            await database.sql(`${marketOf('a')};
                select trade('a', 'wallet-1', 'buy', true, 50);
                ${voteOf('a')};
                insert into discussions (id, market_id, user_wallet, content, created_at) values ('d1', 'a', 'w', e'it''s "é" 😀\\n\\\\', '2025-01-02 03:04:05.678+00');
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
            assert.deepEqual(
                { ...voted, created_at: '' },
                { vote_type: 'dispute', vote: false, user_wallet: 'w', created_at: '' },
            );
            assert.deepEqual(said, {
                id: 'd1',
                content: 'it\'s "é" 😀\n\\',
                user_wallet: 'w',
                created_at: '2025-01-02T03:04:05.678Z',
            });
        });

        it('bring what was committed, never what was rolled back', async () => {
            await database.sql(`begin; ${tradeOf('a', 1)}; rollback;
                begin; ${tradeOf('a', 2)}; savepoint s; ${tradeOf('a', 3)}; rollback to s; ${tradeOf('a', 4)}; savepoint s; ${tradeOf('a', 5)}; release s; commit;
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
            const lines = await database.sql(
                `select clock_timestamp(); begin; ${tradeOf('a', 1)}; select pg_sleep(0.15); select now(); ${tradeOf('b', 2)}; commit; select clock_timestamp()`,
            );
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
            await database.sql(
                `alter table markets add tags text[], add extra jsonb, add happened timestamp, add ratio float8, add big bigint, add raw bytea, add flag bool, add day date`,
            );
            await database.sql(`insert into markets (id, question, state, b, yes_shares, no_shares, tags, extra, happened, ratio, big, raw, flag, day) values
                ('a', repeat('long é ', 30000), 'ACTIVE', 0, -5, 2147483647, '{x,NULL,"a b"}', '{"n": 12345678901234567890.10, "l": [1, {}]}',
                '2025-01-02 03:04:05.123456', 'NaN', -9223372036854775808, '\\x00ff', true, '2025-12-31')`);
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
            await database.sql(
                "alter table markets rename column big to larger; update markets set yes_shares = 7 where id = 'a'; delete from markets where id = 'a'",
            );
            assert.deepEqual(
                (await client.events(2)).map((event) => event.data.market.larger),
                Array(2).fill('-9223372036854775808'),
            );
            await client.expectNothing();
        });

        it('that empty a table, or concern others, bring nothing and break nothing', async () => {
            await database.sql(
                `create table other (id int); insert into other select generate_series(1, 1000); truncate trades, votes; vacuum markets; analyze; ${tradeOf('a', 1)}`,
            );
            assert.deepEqual(costs(await client.events(1)), [1]);
            await client.expectNothing();
            assert.equal(rowcast.lines('row_script_failed').length, 0, rowcast.story);
        });

        it('may carry messages', async (t) => {
            const scripts = scriptFolder(t, {
                shipped: true,
                files: {
                    'messages.lua':
                        'return function(content, ctx) return { type = "said", topic = "a", market_id = "a", data = { content = content, op = ctx.op } } end',
                },
            });
            const own = await Database.create(t);
            const { client: listener } = await start(t, own, ['a'], { scripts });
            await own.sql(`begin; ${tradeOf('a', 1)}; select pg_logical_emit_message(true, 'rowcast', '{"x": "é"}'); ${tradeOf('a', 2)}; commit;
                begin; select pg_logical_emit_message(true, 'rowcast', 'never'); rollback; select pg_logical_emit_message(true, 'other', 'not ours');
                select pg_logical_emit_message(true, 'rowcast', 'alone')`);
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
                    create table votes (market_id int primary key, user_wallet text, vote_type text, vote bool, created_at timestamptz);
                    create table discussions (id int primary key, market_id numeric, user_wallet text, content varchar, created_at timestamp)`,
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
            await database.sql(`alter table markets replica identity default; alter table markets alter question set storage external;
                insert into markets (id, question, state, b) values ('a', repeat('q', 30000), 'ACTIVE', 100);
                select trade('a', 'w', 'buy', true, 50); update markets set state = 'RESOLVING'; delete from markets`);
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
            const row = `update markets set creator_wallet = 'w' where id = 'a'; insert into discussions (id, market_id, user_wallet, content, created_at) values (gen_random_uuid(), 'a', 'w', 'é', '2025-06-07 08:09:10.123456+00')`;
            await database.sql(`alter table markets add d date, add i interval, add f float8, add raw bytea, add n numeric;
                insert into markets (id, question, state, b, created_at, updated_at, d, i, f, raw, n)
                values ('a', 'é', 'ACTIVE', 12.50, '2025-06-07 08:09:10.5+00', '2024-02-29 00:00:00+00', '2025-12-31', '1 day 02:03:04.5', 0.1 + 0.2::float8, '\\x00ff', 1e20); ${row}`);
            const [, ...usual] = await client.events(3);
            await database.sql(`alter database ${database.name} set timezone = 'Asia/Tokyo'; alter database ${database.name} set datestyle = 'German, DMY';
                alter database ${database.name} set intervalstyle = 'iso_8601'; alter database ${database.name} set bytea_output = 'escape';
                alter database ${database.name} set extra_float_digits = -5`);
            await database.sql(
                `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${database.slot}'`,
            );
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
                await database.sql(
                    `begin; ${tradesOf('a', 1, 10)}; ${voteOf('b')}; commit; ${tradeOf('b', 11)}; ${voteOf('a')}`,
                );
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
                assert.equal(await one.client.expectNothing(), id);
            }
            await here.sql(tradeOf('a', 3));
            assert.deepEqual(costs(await one.client.events(1)), [3]);
        });
    });

    describe('a connection that is cut', () => {
        it('loses nothing and repeats nothing', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a']);
            const session = database.session();
            const cut = `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${database.slot}'`;
            let cost = 0;
            for (let round = 1; round <= 5; round++) {
                for (let i = 0; i < 20; i++) await session.sql(tradeOf('a', cost++));
                await session.sql(cut);
                for (let i = 0; i < 20; i++) await session.sql(tradeOf('a', cost++));
                await rowcast.logged('source_started', {}, round + 1);
            }
            const events = await client.events(cost);
            assert.deepEqual(costs(events), range(0, cost));
            assert.deepEqual(ids(events), [...ids(events)].sort());
            await client.expectNothing();
            assert.match((await rowcast.logged('source_lost')).message, /pg_terminate_backend|terminating connection/);
            await rowcast.ready();
        });

        it('in the midst of a large transaction gives it once, and whole', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a'], { env: PATIENT });
            await database.sql(tradesOf('a', 0, 29999));
            await client.arrived(500); // it is under way
            await database.sql(
                `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${database.slot}'`,
            );
            await rowcast.logged('source_started', {}, 2);
            await database.sql(tradeOf('a', 30000));
            const events = await client.events(30001);
            assert.deepEqual(costs(events), range(0, 30001));
            assert.equal(new Set(ids(events)).size, 30001);
            await client.expectNothing();
        });

        it('by a restart of the server loses nothing and repeats nothing', async (t) => {
            const server = await Server.start(t);
            const database = await Database.create(t, { server });
            const { rowcast, client } = await start(t, database, ['a']);
            let cost = 0;
            for (const [round, mode] of ['fast', 'immediate', 'fast'].entries()) {
                for (let i = 0; i < 10; i++) await database.sql(tradeOf('a', cost++));
                if (round === 2) await database.sql('checkpoint');
                await server.stop(mode); // a fast one waits for the router to have taken everything
                await rowcast.ready({ status: 503 });
                await rowcast.get('/health');
                await server.start();
                await database.sql(tradeOf('a', cost++));
                await rowcast.logged('source_started', {}, round + 2);
            }
            await database.sql(tradeOf('a', cost++));
            const events = await client.events(cost);
            assert.deepEqual(costs(events), range(0, cost));
            assert.deepEqual(ids(events), [...ids(events)].sort());
            await client.expectNothing();
            assert.equal((await client.subscribe('a', { since: events[3].id })).recovered, true);
            assert.deepEqual(await client.events(cost - 4), events.slice(4));
        });
    });

    describe('a router that ends', () => {
        it('is followed by one that misses nothing, and says what cannot be resumed', async (t) => {
            const database = await Database.create(t);
            let since;
            let cost = 0;
            for (const end of ['stop', 'kill', 'stop']) {
                const { rowcast, client } = await start(t, database, []);
                const { recovered, reason } = await client.subscribe('a', { since });
                if (since && !recovered) assert.equal(reason, 'expired');
                const first = cost;
                for (let i = 0; i < 5; i++) await database.sql(tradeOf('a', cost++));
                // What was committed while no router ran comes to who resumed, or was told.
                const missed = since && recovered ? 3 : 0;
                const events = await client.events(5 + missed);
                assert.deepEqual(costs(events), range(first - missed, 5 + missed));
                since = events.at(-1).id;
                await client.expectNothing();
                await rowcast[end]();
                for (let i = 0; i < 3; i++) await database.sql(tradeOf('a', cost++));
            }
            // All of it is one stream: a reader of its own slot would have seen the same, without a gap.
            const [row] = await database.sql('select count(*), max(cost) from trades');
            assert.equal(row, `${cost}|${cost - 1}`);
        });

        it('leaves its slot to one that stands by', async (t) => {
            const database = await Database.create(t);
            const { rowcast: first, client } = await start(t, database, ['a']);
            const second = await serve(t, { database });
            await complaint(second, new RegExp(`"${database.slot}".* is being read by`));
            const waiting = await second.connect();
            waiting.send({ action: 'subscribe', market_id: 'a' });
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
            await first.kill();
            await second.logged('source_started');
            await waiting.subscribed('a');
            await database.sql(tradeOf('a', 2));
            const events = [];
            do events.push(...(await waiting.events(1)));
            while (Number(events.at(-1).data.cost) !== 2);
            assert.ok(events.length <= 2, "of the first one's events at most the unacknowledged one comes again");
            await second.ready();
        });
    });

    describe('what is missing', () => {
        it('is told with the command that makes it, and waited for', async (t) => {
            const database = await Database.create(t, { setup: false });
            const rowcast = await serve(t, { database });
            assert.match(await complaint(rowcast, /publication "rowcast"/), /rowcast db setup/);
            await database.sql('create publication rowcast for table trades, votes, markets, discussions');
            assert.match(await complaint(rowcast, new RegExp(`slot "${database.slot}"`)), /rowcast db setup/);
            const client = await rowcast.connect();
            client.send({ action: 'subscribe', market_id: 'a' });
            await database.setup();
            await client.subscribed('a');
            await rowcast.ready({ status: 200, json: { status: 'ok' } });
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
            assert.deepEqual(await database.sql("select count(*) from pg_publication_tables where pubname = 'rowcast'"), ['4']);
        });

        it('is made first with --setup', async (t) => {
            const database = await Database.create(t, { setup: false });
            const { client } = await start(t, database, ['a'], { env: { ROWCAST_SETUP: 'on' } });
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
            assert.equal((await database.db(['status'])).code, 0);
        });

        it("may be the slot's name", async (t) => {
            const database = await Database.create(t, { setup: false });
            const result = await database.db(['setup'], { ROWCAST_SLOT: 'Bad-Name' });
            assert.ok([69, 78].includes(result.code), JSON.stringify(result));
            assert.match(result.stderr, /Bad-Name/);
        });

        it('may be a right of the role', async (t) => {
            const server = await Server.start(t);
            const database = await Database.create(t, { server });
            await psql(
                server.url(),
                `create role "The Reader" login; alter role "The Reader" set timezone = 'Asia/Tokyo';
                alter role "The Reader" set datestyle = 'German'`,
            );
            const settings = { ...database.settings, DATABASE_URL: server.url(database.name, 'The%20Reader') };
            const rowcast = await serve(t, { database: { settings } });
            assert.match(await complaint(rowcast, /The Reader/), /ALTER ROLE "The Reader" REPLICATION;/);
            await psql(server.url(), 'alter role "The Reader" replication');
            await rowcast.logged('source_started');
            await rowcast.ready();
            const client = await rowcast.connect();
            await client.subscribe('a');
            await database.sql("insert into discussions values ('d', 'a', 'w', 'c', '2025-01-02 03:04:05+00')");
            assert.equal((await client.events(1))[0].data.created_at, '2025-01-02T03:04:05.000Z');

            // Who does not own the tables is told what to ask for.
            const set = await run(['db', 'setup'], { env: { ...settings, ROWCAST_PUBLICATION: 'mine' } });
            assert.notEqual(set.code, 0);
            assert.match(set.stdout + set.stderr, /create publication "?mine/i);
        });

        it('may be wal_level = logical', async (t) => {
            const server = await Server.start(t, { wal_level: 'replica' });
            const database = await Database.create(t, { server, setup: false });
            const rowcast = await serve(t, { database });
            assert.match(await complaint(rowcast, /wal_level is replica, not logical/), /ALTER SYSTEM SET wal_level/);
            for (const verb of ['setup', 'status']) {
                const { code, stdout, stderr } = await database.db([verb]);
                assert.notEqual(code, 0);
                assert.match(stdout + stderr, /wal_level/);
            }
            await server.stop();
            await server.start({ wal_level: 'logical' });
            await database.setup();
            await rowcast.logged('source_started');
            await rowcast.ready();
        });

        it('may be a slot that is lost', async (t) => {
            const server = await Server.start(t, { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' });
            const database = await Database.create(t, { server });
            await database.sql('create table other (t text)');
            await until('the slot is lost', async () => {
                await database.sql(
                    'insert into other select repeat(md5(n::text), 100) from generate_series(1, 3000) n; select pg_switch_wal(); checkpoint',
                );
                return (await database.sql(`select wal_status from pg_replication_slots`))[0] === 'lost';
            });
            const rowcast = await serve(t, { database });
            await complaint(rowcast, /is lost/);
            const status = await database.db(['status']);
            assert.equal(status.code, 1);
            assert.match(status.stdout, /lost/);
        });
    });

    describe('the slot', () => {
        it('follows, also when only others write', async (t) => {
            const database = await Database.create(t);
            const { rowcast, client } = await start(t, database, ['a']);
            await database.sql(
                'create table other (t text); insert into other select repeat(md5(n::text), 100) from generate_series(1, 3000) n',
            );
            await until(
                'the slot has followed',
                async () => {
                    const [line] = await database.sql(
                        `select pg_current_wal_lsn() - confirmed_flush_lsn < 1000000 from pg_replication_slots where slot_name = '${database.slot}'`,
                    );
                    return line === 't';
                },
                () => rowcast.story,
            );
            await database.sql(tradeOf('a', 1));
            assert.deepEqual(costs(await client.events(1)), [1]);
        });
    });

    it('that stays away is answered by unavailable after 30 s, in order', async () => {
        const { client } = away;
        for (let i = 0; i < 3; i++) {
            const message = await client.next('unavailable', 45);
            assert.deepEqual([message.type, message.data.code], ['error', 'unavailable'], client.transcript);
            const waited = Date.now() - away.began;
            assert.ok(
                waited > 29000 && waited < 45000,
                `answered after ${waited} ms: each waits for 30 s, not one after the other\n${client.transcript}`,
            );
        }
        await client.expect({ type: 'error', data: { error: 'Unknown action: dance' } });
        client.send({ action: 'subscribe' });
        await client.expect({ type: 'error', data: { code: 'market_id_required' } });
    });
});

// SPDX-License-Identifier: MIT
// What the database must give: `rowcast db` makes it, and a router that misses it says so and waits.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { until } = require('./lib/expect.js');
const { serve, run, scriptFolder } = require('./lib/rowcast.js');
const { Database, start, complaint, tradeOf } = require('./lib/database.js');
const { psql } = require('./lib/psql.js');
const { Server } = require('./lib/server.js');
const { costs } = require('./lib/rows.js');

describe('rowcast db', () => {
    it('setup makes what is missing, once; status tells', async (t) => {
        const database = await Database.create(t, { setup: false });
        const things = () =>
            database.sql(`
                select p.oid, t.* from pg_publication p join pg_publication_tables t using (pubname) order by tablename;
                select slot_name, plugin, temporary, restart_lsn is null
                from pg_replication_slots where database = current_database()`);
        const bare = await database.db(['status']);
        assert.equal(bare.code, 1, JSON.stringify(bare));
        assert.match(bare.stdout + bare.stderr, /rowcast db setup/);

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
                after.some((line) => line.split('|').includes(table)),
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
            schema: ['markets', 'trade', 'votes', 'discussions']
                .map((name) => `create table ${name} (id int primary key);`)
                .join(''),
        });
        const { code, stderr } = await database.db(['setup']);
        assert.ok([1, 78].includes(code), `${code} ${stderr}`);
        assert.match(stderr, /trades/);
        assert.match(stderr, /did you mean .*trade\b/);
        assert.equal((await database.db(['status'])).code, 1);
    });

    it('setup refuses a table whose updates would fail', async (t) => {
        const keyed = ['trades', 'votes', 'discussions'].map((name) => `create table ${name} (id int primary key);`);
        const schema = `create table markets (id text); ${keyed.join('')}`;
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
        await until('the slot is lost', async () => {
            await database.writeElsewhere();
            await database.sql('select pg_switch_wal(); checkpoint');
            return (await database.sql('select wal_status from pg_replication_slots'))[0] === 'lost';
        });
        const rowcast = await serve(t, { database });
        await complaint(rowcast, /is lost/);
        const status = await database.db(['status']);
        assert.equal(status.code, 1);
        assert.match(status.stdout, /lost/);
    });
});

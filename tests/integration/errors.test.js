// SPDX-License-Identifier: MIT
// Whatever the database refuses has a sentence of its own: what, where, why, and the command that mends it.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { suite, until } = require('./lib/expect.js');
const { serve } = require('./lib/rowcast.js');
const { Database, start, complaint } = require('./lib/database.js');
const { psql, Session } = require('./lib/psql.js');
const { Server } = require('./lib/server.js');

const MARKETS = `${['trades', 'votes', 'discussions'].map((name) => `create table ${name} (id int primary key);`).join('')}
    create table markets (id text primary key)`;

describe('the sentence for', () => {
    const owner = suite();
    let server, database;
    before(async () => {
        server = await Server.start(owner, { max_wal_senders: 3, max_replication_slots: 3 });
        const lines = ['host all guarded 127.0.0.1/32 scram-sha-256', 'host all unwanted 127.0.0.1/32 reject'];
        const file = path.join(server.data, 'pg_hba.conf');
        fs.writeFileSync(file, `${lines.join('\n')}\n${fs.readFileSync(file, 'utf8')}`);
        await psql(
            server.url(),
            `select pg_reload_conf();
            set password_encryption = 'scram-sha-256';
            create role guarded login replication password 'right';
            create role unwanted login replication;
            create role locked nologin replication;
            create role plain login`,
        );
        database = await Database.create(owner, { server, schema: MARKETS });
    });

    const as = (user) => ({ DATABASE_URL: server.url(database.name, user) });
    const taken = (name) => psql(server.url(), `select pg_create_physical_replication_slot('${name}')`);
    const freed = (name) => psql(server.url(), `select pg_drop_replication_slot('${name}')`);

    // What a router with these settings says in its log and at /ready. It does not end: the database may be mended.
    const cases = [
        {
            name: 'a missing publication',
            env: () => ({ ROWCAST_PUBLICATION: 'none_such' }),
            says: /The publication "none_such" does not exist in the database "\w+" on 127\.0\.0\.1:\d+: .*rowcast db setup/,
        },
        {
            name: 'a missing slot',
            env: () => ({ ROWCAST_SLOT: 'none_such' }),
            says: /The replication slot "none_such" does not exist .*rowcast db setup/,
        },
        {
            name: 'a slot that is read by another',
            async env(t) {
                await start(t, database, []);
                return {};
            },
            says: /is being read by the process \d+ \(rowcast on 127\.0\.0\.1\)\. This instance stands by/,
        },
        {
            name: 'a slot of another database',
            async env(t) {
                const other = await Database.create(t, { server, schema: MARKETS, setup: false });
                await other.sql('create publication rowcast');
                return { DATABASE_URL: other.url };
            },
            says: /belongs to the database "\w+", not to the database "\w+".*--slot/,
        },
        {
            name: "a slot of another program's",
            async env(t) {
                await database.sql("select pg_create_logical_replication_slot('theirs', 'test_decoding')");
                t.after(() => freed('theirs'));
                return { ROWCAST_SLOT: 'theirs' };
            },
            says: /made for the output plugin test_decoding.*--slot/,
        },
        {
            name: 'a physical slot',
            async env(t) {
                await taken('physical');
                t.after(() => freed('physical'));
                return { ROWCAST_SLOT: 'physical' };
            },
            says: /is a physical one.*--slot/,
        },
        {
            name: 'a role without REPLICATION',
            env: () => as('plain'),
            says: /The user "plain" may not read the change stream .*ALTER ROLE plain REPLICATION;/,
        },
        {
            name: 'a wrong password',
            env: () => ({ DATABASE_URL: server.url(database.name, 'guarded:wrong') }),
            says: /refuses the password of the user "guarded".*ALTER ROLE guarded PASSWORD '\.\.\.';/,
            never: /wrong/,
        },
        {
            name: 'a missing password',
            env: () => as('guarded'),
            says: /wants a password for the user "guarded", and none was given.*PGPASSWORD/,
        },
        {
            name: 'a connection that pg_hba.conf rejects',
            env: () => as('unwanted'),
            says: /does not admit this connection: pg_hba\.conf rejects .*host \w+ unwanted ADDRESS\/32 .*SELECT pg_reload_conf\(\);/,
        },
        {
            name: 'a role that may not log in',
            env: () => as('locked'),
            says: /The user "locked" may not log in .*ALTER ROLE locked LOGIN;/,
        },
        {
            name: 'a role that does not exist',
            env: () => as('nobody_such'),
            says: /The user "nobody_such" is unknown .*CREATE ROLE nobody_such LOGIN REPLICATION/,
        },
        {
            name: 'a database that does not exist',
            env: () => ({ DATABASE_URL: server.url('none_such') }),
            says: /database "none_such" on 127\.0\.0\.1:\d+ does not exist.*createdb.*psql -l/,
        },
        {
            name: 'a server that is away',
            env: () => ({ DATABASE_URL: 'postgresql://127.0.0.1:1/x' }),
            says: /cannot be reached: .*psql "\$DATABASE_URL" -c 'SELECT 1'/,
        },
        {
            name: 'no walsender left',
            async env(t) {
                const sessions = [1, 2, 3].map(() => new Session(`${database.url}?replication=database`));
                t.after(() => sessions.forEach((session) => session.close()));
                for (const session of sessions) await session.sql('select 1');
                return {};
            },
            says: /all of its max_wal_senders are in use.*pg_stat_replication.*ALTER SYSTEM SET max_wal_senders/,
        },
    ];
    for (const { name, env, says, never } of cases)
        it(name, async (t) => {
            const settings = { ...database.settings, ...(await env(t)) };
            const rowcast = await serve(t, { database: { settings } });
            const message = await complaint(rowcast, says);
            if (never) assert.doesNotMatch(message, never);
        });

    // What `rowcast db setup` says.
    const refusals = [
        {
            name: 'no slot left',
            async env(t) {
                for (const name of ['one', 'two']) await taken(name);
                t.after(() => Promise.all(['one', 'two'].map(freed)));
                return { ROWCAST_SLOT: 'one_more' };
            },
            says: /has no replication slot left: .*pg_replication_slots.*ALTER SYSTEM SET max_replication_slots/,
        },
        {
            name: 'a bad slot name',
            env: () => ({ ROWCAST_SLOT: 'Bad-Name' }),
            says: /"Bad-Name" cannot be the name of a replication slot: .*lower-case letters.*--slot/,
        },
        {
            name: 'setting up without REPLICATION',
            env: () => as('plain'),
            says: /The user "plain" may not read the change stream .*ALTER ROLE plain REPLICATION;/,
        },
    ];
    for (const { name, env, says } of refusals)
        it(name, async (t) => {
            const { code, stderr } = await database.db(['setup'], await env(t));
            assert.equal(code, 69, stderr);
            assert.match(stderr, says);
        });

    it('a bad slot name of the router, which then does not run', async (t) => {
        const rowcast = await serve(t, { database: { settings: { ...database.settings, ROWCAST_SLOT: 'Bad-Name' } } });
        rowcast.expected = true;
        assert.match((await rowcast.logged('source_failed')).message, /"Bad-Name" cannot be the name/);
        await rowcast.expectExit(78);
    });

    it('a standby', async (t) => {
        const rowcast = await serve(t, { database });
        await rowcast.logged('source_started');
        await server.stop();
        fs.writeFileSync(path.join(server.data, 'standby.signal'), '');
        await server.start();
        await complaint(rowcast, /is a standby.*target_session_attrs=read-write/);
        for (const verb of ['setup', 'drop']) {
            const { code, stderr } = await database.db([verb]);
            assert.equal(code, 69);
            assert.match(stderr, /is a standby/);
        }
        const status = await database.db(['status']);
        assert.equal(status.code, 1, JSON.stringify(status));
        assert.match(status.stdout, /the server is a standby/);
        server.command('pg_ctl', ['-D', server.data, '-w', 'promote']);
        await rowcast.ready();
    });
});

describe('rowcast db setup keeps out of the way of the application', () => {
    it('names the transaction that a new slot waits for', async (t) => {
        const database = await Database.create(t, { setup: false });
        const session = database.session();
        await session.sql("set application_name = 'The Slow'; begin; create table slow (id int); select 'at work'");
        const setting = database.setup();
        await until('setup waits', async () => {
            const waiting = `select 1 from pg_stat_activity where datname = current_database() and query like '%pg_create_logical%'
                and wait_event_type = 'Lock' and pid <> pg_backend_pid()`;
            return (await database.sql(waiting)).length > 0;
        });
        await until('a look at who it is', async () => {
            const { stdout } = await Promise.race([setting, new Promise((resolve) => setTimeout(resolve, 3000, { stdout: 'time' }))]);
            return stdout === 'time';
        });
        await session.sql('commit');
        const { stdout } = await setting;
        assert.match(stdout, /-- waiting for the transaction of PID \d+ \(user postgres, The Slow, idle in transaction, open for \d+ s, query: select 'at work'/);
    });

    it('gives up on a lock, names its holder, and changes nothing; others wait half a second at most', async (t) => {
        const schema = `${MARKETS.replace('id text primary key', 'id text')}; insert into markets values ('a')`;
        const database = await Database.create(t, { setup: false, schema });
        const session = database.session();
        await session.sql("set application_name = 'The Reader'; begin; select * from markets");
        const setting = database.db(['setup', '--identity-full']);
        let longest = 0;
        let done = false;
        setting.then(() => (done = true));
        const other = database.session();
        while (!done) {
            const began = Date.now();
            await other.sql("update markets set id = 'a'");
            longest = Math.max(longest, Date.now() - began);
        }
        const { code, stdout, stderr } = await setting;
        assert.equal(code, 69, stderr);
        assert.match(stdout, /-- waiting for the transaction of PID \d+ \(user postgres, The Reader, /);
        assert.match(stderr, /could not be locked in 10 tries, as the transaction of PID (\d+) \(.*The Reader.*SELECT pg_terminate_backend\(\1\); Nothing was changed/);
        assert.ok(longest < 5000, `an update waited for ${longest} ms`);
        assert.deepEqual(await database.sql('select count(*) from pg_publication'), ['0']);
        assert.deepEqual(await database.sql("select relreplident from pg_class where relname = 'markets'"), ['d']);
        await session.sql('commit');
        await database.setup('--identity-full');
    });

    it('prints the SQL where the role is not the owner', async (t) => {
        const database = await Database.create(t, { setup: false });
        await database.sql(`create role ${database.name}_r login replication; grant create on database ${database.name} to ${database.name}_r`);
        t.after(() => psql(database.admin, `drop owned by ${database.name}_r; drop role ${database.name}_r`).catch(() => {}));
        const env = { DATABASE_URL: database.url.replace(/\/\/[^@]*@/, `//${database.name}_r@`) };
        const { code, stdout, stderr } = await database.db(['setup'], env);
        assert.equal(code, 1, stderr);
        assert.match(stdout, /CREATE PUBLICATION "rowcast" FOR TABLE .*"public"\."trades"/);
        assert.match(stderr, /public\.\w+ belongs to postgres\. Let that user or a superuser run the SQL printed above/);
    });
});

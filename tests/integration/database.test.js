// SPDX-License-Identifier: MIT
// The first minutes with a database of one's own: rights that are missing, services, poolers, TLS, IPv6, and docs/DATABASE.md.
'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { suite, until, atEnd } = require('./lib/expect.js');
const { serve, run, scriptFolder, environment, BINARY, ROOT } = require('./lib/rowcast.js');
const { Database, complaint } = require('./lib/database.js');
const { psql } = require('./lib/psql.js');
const { Server, freePort } = require('./lib/server.js');

const TABLES = ['markets', 'trades', 'votes', 'discussions'];
const SCHEMA = TABLES.map((name) => `create table ${name} (id int primary key);`).join('');
const owner = suite();
let server;
before(async () => (server = await Server.start(owner, { wal_level: 'replica' })));

describe('a role that may do little', () => {
    let database, settings;
    before(async () => {
        database = await Database.create(owner, { server, schema: SCHEMA, setup: false });
        await psql(server.url(), 'create role tenant login');
        settings = { ...database.settings, DATABASE_URL: server.url(database.name, 'tenant') };
    });

    // The other services: tests/unit/postgres_service_test.c
    it('is told how it is done on a managed server', async () => {
        await psql(server.url(), 'create role rds_superuser; create role rds_replication');
        const status = await run(['db', 'status'], { env: settings });
        const dry = await run(['db', 'setup', '--dry-run'], { env: settings });
        await psql(server.url(), 'grant rds_replication to tenant');
        const granted = await run(['db', 'status'], { env: settings });
        await psql(server.url(), 'drop role rds_superuser; drop role rds_replication');
        assert.equal(status.code, 1);
        assert.match(status.stdout, /, of Amazon RDS$/m);
        for (const { stdout } of [status, dry]) {
            assert.match(stdout, /set rds\.logical_replication to 1 in the parameter group.*reboot/);
            assert.match(stdout, /GRANT rds_replication TO tenant; .*as a member of rds_superuser/);
            assert.doesNotMatch(stdout, /ALTER SYSTEM|ALTER ROLE/);
        }
        assert.match(status.stdout, /without REPLICATION/);
        assert.doesNotMatch(granted.stdout, /without REPLICATION/);
    });

    it('gets all SQL that others have to run at once, and it does it', async () => {
        const { code, stdout, stderr } = await run(['db', 'setup'], { env: settings });
        assert.equal(code, 69);
        assert.match(stderr, /wal_level is replica, not logical.*ALTER SYSTEM/);
        const lines = stdout.trimEnd().split('\n');
        assert.match(lines.shift(), /^ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server$/);
        for (const said of [
            /^ALTER ROLE tenant REPLICATION; -- as a superuser$/m,
            new RegExp(`^GRANT CREATE ON DATABASE ${database.name} TO tenant;`, 'm'),
            /^-- as postgres, who owns the tables/m,
            /^CREATE PUBLICATION "rowcast" FOR TABLE /m,
        ])
            assert.match(stdout, said);
        await server.stop();
        await server.start({ wal_level: 'logical' });
        await database.sql(lines.join('\n'));
        const status = await run(['db', 'status'], { env: settings });
        assert.equal(status.code, 0, status.stdout);
    });
});

describe('rowcast db setup', () => {
    it('tells what `old` has, and which tables have no script', async (t) => {
        const database = await Database.create(t, { server, setup: false });
        await database.sql(`create schema depot; create table depot.bays (id int primary key);
            create table "Odd One" (id int)`);
        for (const arguments_ of [['--dry-run'], []]) {
            const { stdout } = await database.setup(...arguments_);
            assert.match(stdout, /^-- public\.markets: identity full: `old` is the whole row$/m);
            assert.match(stdout, /^-- public\.trades: identity primary key: `old` is the key at a delete/m);
            assert.match(stdout, /^-- {3}rowcast new table depot\.bays$/m);
            assert.match(stdout, /^-- {3}rowcast new table 'Odd One'$/m);
            assert.doesNotMatch(stdout, /new table markets/);
        }
    });

    it('shows whose scripts are for other tables which there are', async (t) => {
        const database = await Database.create(t, { server, schema: 'create table orders (id int primary key)', setup: false });
        const { code, stdout, stderr } = await database.db(['setup']);
        assert.equal(code, 1);
        assert.match(stderr, /public\.trades does not exist.*rename or remove its script/);
        assert.match(stdout, /^-- {3}rowcast new table orders$/m);
    });
});

describe('a pooler', () => {
    let database;
    before(async () => (database = await Database.create(owner, { server, schema: SCHEMA, setup: false })));

    // A real one, which takes these settings of the client for itself instead of refusing them.
    async function pooler(t, ignored) {
        const port = await freePort();
        const file = path.join(server.folder, `pgbouncer.${port}`);
        fs.writeFileSync(
            file,
            `[databases]\n* = host=127.0.0.1 port=${server.port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n` +
                `listen_port = ${port}\nunix_socket_dir =\nauth_type = any\nignore_startup_parameters = ${ignored}\n`,
        );
        const user = process.getuid() === 0 ? ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups'] : [];
        const program = ['--pdeathsig', 'KILL', '--', '/usr/sbin/pgbouncer', '-q', file];
        const child = spawn('setpriv', [...user, ...program], { stdio: 'ignore' });
        atEnd(t, () => child.kill('SIGKILL'));
        const connects = (resolve) => {
            const socket = net.connect(port, '127.0.0.1', () => resolve(socket.destroy()));
            socket.on('error', () => resolve(false));
        };
        await until('pgbouncer listens', () => new Promise(connects));
        return { ...database.settings, DATABASE_URL: `postgresql://postgres@127.0.0.1:${port}/${database.name}` };
    }

    const SAYS = /:\d+ is a connection pooler, which cannot pass on a change stream: .*Name the PostgreSQL server itself/;

    for (const [ignored, what] of [
        ['extra_float_digits', 'that refuses'],
        ['extra_float_digits, options', 'that lets a plain connection through'],
        ['extra_float_digits, options, replication', 'that makes a plain connection of it'],
    ])
        it(`${what} is known before anything is made`, async (t) => {
            const env = await pooler(t, ignored);
            const { code, stderr } = await run(['db', 'setup'], { env });
            assert.equal(code, 69, stderr);
            assert.match(stderr, SAYS);
            assert.deepEqual(await database.sql('select count(*) from pg_publication'), ['0']);
            const rowcast = await serve(t, { database: { settings: env } });
            await complaint(rowcast, SAYS);
        });

    it("of Supabase's is answered with the direct host", async (t) => {
        const { DATABASE_URL } = await pooler(t, 'extra_float_digits');
        const { port, pathname } = new URL(DATABASE_URL);
        for (const who of ['postgres.abcd@aws-0-eu-west-1.pooler.supabase.com', 'postgres@db.abcd.supabase.co']) {
            const url = `postgresql://${who}:${port}${pathname}?hostaddr=127.0.0.1`;
            const { stderr } = await run(['db', 'status'], { env: { DATABASE_URL: url } });
            assert.match(stderr, /host db\.abcd\.supabase\.co, port 5432, user postgres\./);
        }
    });
});

describe('sslmode=verify-full', () => {
    let database;
    const openssl = (...args) => {
        const { status, stderr } = spawnSync('openssl', args, { cwd: server.folder, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
    };
    const url = (host, ca) =>
        `postgresql://postgres@${host}:${server.port}/${database.name}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
    const file = (name) => path.join(server.folder, name);

    before(async () => {
        const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
        for (const ca of ['ca', 'stranger'])
            openssl('req', '-x509', ...key, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '2', '-subj', `/CN=${ca}`);
        openssl('req', ...key, '-keyout', 'data/server.key', '-out', 'csr', '-subj', '/CN=localhost');
        openssl('x509', '-req', '-in', 'csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-out', 'data/server.crt');
        const { uid, gid } = fs.statSync(server.data);
        for (const name of ['data/server.key', 'data/server.crt']) fs.chownSync(file(name), uid, gid);
        fs.chmodSync(file('data/server.key'), 0o600);
        await psql(server.url(), 'alter system set ssl = on; select pg_reload_conf()');
        database = await Database.create(owner, { server });
        await until('TLS is on', async () => (await psql(server.url(), 'show ssl'))[0] === 'on');
    });

    it('carries set-up and stream', async (t) => {
        const env = { ...database.settings, DATABASE_URL: url('localhost', file('ca.pem')) };
        assert.equal((await run(['db', 'status'], { env })).code, 0);
        const rowcast = await serve(t, { database: { settings: env } });
        await rowcast.logged('source_started');
        const client = await rowcast.connect();
        await client.subscribe('a');
        await database.sql("insert into discussions values ('d', 'a', 'w', 'c')");
        assert.equal((await client.events(1))[0].data.id, 'd');
        const tls = `select s.ssl from pg_replication_slots r join pg_stat_ssl s on s.pid = r.active_pid where slot_name = '${database.slot}'`;
        assert.deepEqual(await database.sql(tls), ['t']);
    });

    for (const [what, target, says] of [
        ['another name', () => url('127.0.0.1', file('ca.pem')), /does not match host name "127\.0\.0\.1"\. Name the host in DATABASE_URL as the certificate does/],
        ['a CA that is not known', () => url('localhost', file('stranger.pem')), /no CA in the file of sslrootcert has signed its certificate.*sslrootcert=\/path\/to\/ca\.pem/],
        ['no CA at all', () => url('localhost', '/nowhere.pem'), /for want of a CA: root certificate file "\/nowhere\.pem" does not exist\. Name its file .*sslrootcert=/],
    ])
        it(`refuses ${what}, with the remedy`, async (t) => {
            const env = { ...database.settings, DATABASE_URL: target() };
            const { code, stderr } = await run(['db', 'status'], { env });
            assert.equal(code, 69);
            assert.match(stderr, says);
            await complaint(await serve(t, { database: { settings: env } }), says);
        });
});

describe('an address of IPv6 without a way to it', () => {
    const apart = ['--net', '--map-root-user'];
    const skip = spawnSync('unshare', [...apart, 'true']).status !== 0 && 'no network namespaces here';
    for (const [name, url, says] of [
        ['is told', 'postgresql://me@[2001:db8::1]/x', /on \[2001:db8::1\]:5432 has an IPv6 address, to which this machine has no way: .*Give the machine IPv6/],
        ['is told with what Supabase has', 'postgresql://me@db.abcd.supabase.co/x?hostaddr=2001:db8::1', /its poolers, which have IPv4, cannot pass on a change stream\. .*IPv4 add-on/],
    ])
        it(name, { skip }, () => {
            const { status, stderr } = spawnSync('unshare', [...apart, BINARY, 'db', 'status'], {
                cwd: ROOT,
                encoding: 'utf8',
                env: environment({ DATABASE_URL: url }),
            });
            assert.equal(status, 69, stderr);
            assert.match(stderr, says);
        });
});

describe('docs/DATABASE.md', () => {
    const page = fs.readFileSync(path.join(ROOT, 'docs', 'DATABASE.md'), 'utf8').split('\n## Supabase')[0];
    const blocks = (kind) => [...page.matchAll(new RegExp(`^\`\`\`${kind}\n([^]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text);

    it('leads from a database to the first event', async (t) => {
        const [tables, first] = blocks('sql');
        const scripts = scriptFolder(t, { shipped: true });
        for (const file of fs.readdirSync(path.join(scripts, 'tables'))) fs.rmSync(path.join(scripts, 'tables', file));
        fs.writeFileSync(path.join(scripts, 'tables', 'orders.lua'), blocks('lua')[0]);
        const database = await Database.create(t, { server, schema: tables, setup: false });
        const settings = (url) => ({
            ROWCAST_SLOT: database.slot,
            DATABASE_URL: url.replace('localhost/shop', `localhost:${server.port}/${database.name}`),
        });
        const lines = blocks('sh').join('').trimEnd().split('\n');
        let [env, last] = [{}, undefined];
        for (const line of lines) {
            const [, url, command] = /^(?:export )?(?:DATABASE_URL=(\S+) ?)?(?:rowcast ?(.*))?$/.exec(line);
            if (url) env = settings(url);
            if (command === undefined) continue;
            last = command.replace('--scripts shop', `--scripts ${scripts}`).split(' ');
            if (line === lines.at(-1)) break;
            const { code, stdout, stderr } = await run(last, { env });
            assert.equal(code, 0, `${line}: ${stdout}${stderr}`);
        }
        const rowcast = await serve(t, { database: { settings: env }, args: last, scripts });
        await rowcast.logged('source_started');
        const child = spawn(BINARY, ['tail', '--admin', `127.0.0.1:${rowcast.adminPort}`], { stdio: ['ignore', 'pipe', 'ignore'] });
        atEnd(t, () => child.kill('SIGKILL'));
        let printed = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
        await until('the tail is connected, so that it sees the event', async () => {
            await database.sql(`begin; ${first}; commit; delete from orders`);
            return printed.includes('\n');
        });
        const { id, timestamp, ...event } = JSON.parse(printed.split('\n')[0]);
        assert.ok(id && timestamp);
        assert.deepEqual(event, JSON.parse(blocks('json')[0]));
    });
});

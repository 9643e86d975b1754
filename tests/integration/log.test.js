// SPDX-License-Identifier: MIT
// The log: every event is documented, nothing in it is a secret, and neither a flood nor a reader that is stuck harms the router.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { serve, run, scriptFolder, environment, BINARY, ROOT } = require('./lib/rowcast.js');
const { atEnd, suite, until } = require('./lib/expect.js');
const { Server, freePort } = require('./lib/server.js');
const { psql } = require('./lib/psql.js');
const { transaction, trade } = require('./lib/rows.js');

// What stands in the sources: a name in the call, or one that a function of these hands on.
function eventsOfSource() {
    const files = fs.readdirSync(path.join(ROOT, 'core'), { recursive: true }).filter((name) => name.endsWith('.c'));
    const text = files.map((name) => fs.readFileSync(path.join(ROOT, 'core', name), 'utf8')).join('\n');
    const written = [...text.matchAll(/\blog_write\(([^,]+),\s*([^,]+),/g)].map(([, , name]) => name);
    const named = written.filter((name) => name.startsWith('"')).map((name) => name.slice(1, -1));
    // Whoever writes a name that comes from elsewhere says here where from.
    const variable = written.filter((name) => !name.startsWith('"') && !name.startsWith('const char'));
    assert.deepEqual(variable.sort(), ['event', 'event', 'event', 'log_event(lua)']);
    const elsewhere = [
        /\bcompose\(&line, [A-Z_]+,\s*"([a-z_]+)"/g,
        /\blog_lines\("([a-z_]+)"/g,
        /\bsay\(slot, [^";]*"([a-z_]+)"/g,
        /\btell_tables\([^";]*"([a-z_]+)"/g,
        /\? "(shadow_log)" : "(script_log)"/g,
    ];
    const found = [...named, ...elsewhere.flatMap((call) => [...text.matchAll(call)].flatMap(([, ...names]) => names))];
    return [...new Set(found)].sort();
}

describe('the log', () => {
    it('has the events that docs/OPERATIONS.md lists, and no others', () => {
        const page = fs.readFileSync(path.join(ROOT, 'docs', 'OPERATIONS.md'), 'utf8');
        const section = page.split('### Log events\n')[1].split(/\n##+ /)[0];
        const listed = [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name);
        assert.deepEqual([...listed].sort(), [...new Set(listed)].sort());
        assert.deepEqual([...listed].sort(), eventsOfSource());
    });

    it('tells a flood that clients cause by its first lines and then by its number', async (t) => {
        const files = { 'client.lua': 'return { message = function() error("no") end }' };
        const rowcast = await serve(t, { scripts: scriptFolder(t, { shipped: true, files }) });
        await rowcast.ready();
        await new Promise((resolve) => setTimeout(resolve, 1100)); // limits begin with the first second
        const clients = [];
        for (let i = 0; i < 40; i++) clients.push(await rowcast.connect({ plain: true }));
        for (const client of clients) client.send('x');
        for (const client of clients) await client.expectClosed(1011);
        const told = () =>
            rowcast.lines('repeated', { of: 'client_script_failed' }).reduce((sum, { count }) => sum + count, 0);
        const full = () => rowcast.lines('client_script_failed').length;
        await until('all are told', () => full() + told() === 40, () => rowcast.story);
        assert.ok(told() > 0, rowcast.story);
        assert.match(rowcast.lines('repeated')[0].place, /client\.lua:1$/);
        assert.match(rowcast.lines('client_script_failed')[0].client_id, /^client_/);
        assert.equal((await rowcast.metrics())['rowcast_script_errors_total{script="client.lua"}'], 40);
    });

    it('tells a flood that scripts write, too', async (t) => {
        const files = { 'tables/trades.lua': 'return { insert = function() rowcast.log("info", "here") end }' };
        const rowcast = await serve(t, { scripts: scriptFolder(t, { shipped: true, files }) });
        await rowcast.ready();
        await new Promise((resolve) => setTimeout(resolve, 1100));
        for (let i = 0; i < 1000; i++) rowcast.feed(transaction(i, trade('a', i)));
        const told = () => rowcast.lines('repeated', { of: 'script_log' }).reduce((sum, { count }) => sum + count, 0);
        await until('all are told', () => rowcast.lines('script_log').length + told() === 1000, () => rowcast.story);
        assert.ok(told() > 0);
        assert.match(rowcast.lines('script_log')[0].at, /trades\.lua:1/);
    });

    it('stops nobody while its reader is stuck, and says what was lost', async (t) => {
        // The reader of the pipe: a stopped process, until it is let go on.
        const reader = spawn('sh', ['-c', 'echo ready; kill -STOP $$; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
        let text = '';
        reader.stdout.setEncoding('utf8').on('data', (part) => (text += part));
        atEnd(t, () => reader.kill('SIGKILL'));
        await until('the reader', () => text.startsWith('ready'));
        const state = () => / T /.test(fs.readFileSync(`/proc/${reader.pid}/stat`, 'utf8'));
        await until('the reader has stopped', state);

        const [port, admin] = [await freePort(), await freePort()];
        // Ten lines of a script that each say 2 KiB a hundred times: more than the pipe holds and what may wait.
        const say = 'rowcast.log("info", ("x"):rep(1900))\n'.repeat(10);
        const scripts = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': `return { insert = function()\n${say}end }` } });
        const router = spawn(BINARY, ['--source', '-'], {
            cwd: ROOT,
            env: environment({
                WS_PORT: `${port}`,
                WS_HOST: '127.0.0.1',
                ROWCAST_ADMIN: `127.0.0.1:${admin}`,
                ROWCAST_SCRIPTS: scripts,
            }),
            stdio: ['pipe', 'inherit', reader.stdin],
        });
        let code;
        router.on('close', (ended) => (code = ended));
        atEnd(t, () => router.kill('SIGKILL'));
        const asked = () =>
            fetch(`http://127.0.0.1:${admin}/status`).then((answer) => answer.json(), () => undefined);
        await until('it serves', asked);
        const rows = Array.from({ length: 100 }, (_, i) => transaction(i, trade('a', i)));
        router.stdin.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const done = (status) => status.scripts.tables.find(({ table }) => table === 'trades').rows === 100;
        await until('all rows have run', async () => done(await asked()));
        assert.match(fs.readFileSync(`/proc/${reader.pid}/stat`, 'utf8'), / T /); // and nobody has read a line
        reader.kill('SIGCONT');
        await until('the loss is told', () => /"event":"log_lost"/.test(text), () => text.slice(-500));
        router.kill('SIGTERM');
        await until('it ends', () => code !== undefined);
        assert.equal(code, 0);
        const lines = text.trimEnd().split('\n').slice(1).map((line) => JSON.parse(line)); // none is cut
        assert.ok(lines.find(({ event }) => event === 'log_lost').count > 0);
        assert.equal(lines[0].event, 'listening');
    });
});

describe('the password of DATABASE_URL is nowhere', () => {
    const owner = suite();
    let server;
    before(async () => {
        server = await Server.start(owner);
        const file = path.join(server.data, 'pg_hba.conf');
        fs.writeFileSync(file, `host all guarded 127.0.0.1/32 scram-sha-256\n${fs.readFileSync(file, 'utf8')}`);
        await psql(
            server.url(),
            `select pg_reload_conf(); set password_encryption = 'scram-sha-256';
            create role guarded login replication password 'right'`,
        );
    });
    const SECRET = /s3cr|3t w0rd/;
    const forms = {
        'a URI': (port) => `postgresql://guarded:s3cr%403t%20w0rd@127.0.0.1:${port}/postgres`,
        'a URI’s parameter': (port) => `postgresql://guarded@127.0.0.1:${port}/postgres?password=s3cr%403t%20w0rd`,
        keywords: (port) => `host=127.0.0.1 port=${port} user=guarded password='s3cr@3t w0rd' dbname=postgres`,
        'keywords that are wrong': (port) => `host=127.0.0.1 port=${port} pasword=s3cr@3tw0rd`,
        'a URI that is wrong': (port) => `postgresql://guarded:s3cr%zz3t@127.0.0.1:${port}/postgres`,
        'a URI whose password has a slash': (port) => `postgresql://guarded:s3cr/3t w0rd@127.0.0.1:${port}/postgres`,
        'a URI whose password has an @': (port) => `postgresql://guarded:pass@s3cr3t@127.0.0.1:${port}/postgres`,
        'keywords without a closing quote': (port) => `host=127.0.0.1 port=${port} password='s3cr@3t w0rd`,
        'a sslpassword': (port) => `host=127.0.0.1 port=${port} user=guarded password=x sslpassword='s3cr 3t w0rd' dbname=postgres`,
    };
    for (const [name, form] of Object.entries(forms)) {
        it(`with ${name}`, async (t) => {
            const env = { DATABASE_URL: form(server.port), LOG_LEVEL: 'debug', ROWCAST_SLOT: 'none' };
            for (const command of [['--print-config'], ['db', 'status'], ['db', 'setup'], ['check'], ['record', '-', '--count', '1']]) {
                const { stdout, stderr } = await run(command, { env });
                assert.doesNotMatch(stdout + stderr, SECRET, command.join(' '));
            }
            const rowcast = await serve(t, { database: { settings: env }, env });
            const complains = () => rowcast.exit || rowcast.lines('source_lost').length > 0;
            await until('it complains', complains, () => rowcast.story);
            if (rowcast.exit) {
                rowcast.expected = true; // what can never work ends it
                assert.equal(rowcast.exit.code, 78);
                assert.equal(rowcast.lines('source_failed').length, 1);
                assert.doesNotMatch(JSON.stringify([rowcast.log, rowcast.strays]), SECRET);
                return;
            }
            rowcast.signal('SIGUSR1');
            await rowcast.logged('status');
            const answers = ['/status', '/ready', '/metrics'].map((target) => rowcast.get(target, rowcast.adminPort));
            const seen = (await Promise.all([...answers, rowcast.get('/ready')])).map(({ body }) => body);
            assert.doesNotMatch(JSON.stringify([...seen, rowcast.log, rowcast.strays]), SECRET);
        });
    }
});

// SPDX-License-Identifier: MIT
// Scripts that change under a running load, in all the ways in which files come to be others, and what is told of it.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { until } = require('./lib/expect.js');
const { WebSocket } = require('./lib/client.js');
const { Database, start } = require('./lib/database.js');
const { serve, run, folder, scriptFolder, writeFiles, BINARY, SCRIPTS } = require('./lib/rowcast.js');
const { transaction, insert, trade, vote } = require('./lib/rows.js');

const LONG = process.env.ROWCAST_TEST_LONG === 'yes';
const CLIENTS = LONG ? 10_000 : 250;
const ROUNDS = LONG ? 6 : 2; // through all the ways

// Two files that make one event: `a` comes from the table's script, `b` from what it requires.
const tradesScript = (version) => `local version = require "lib.version"
return { insert = function(new)
    return { type = "trade", topic = new.market_id, market_id = new.market_id,
             data = { n = tonumber(new.cost), a = ${version}, b = version } }
end }
`;
const versionModule = (version) => `return ${version}\n`;
const both = (version) => ({ 'lib/version.lua': versionModule(version), 'tables/trades.lua': tradesScript(version) });
const BROKEN = 'local version = require "lib.version"\nreturn { insert = function(new\n';

// --- The ways: each makes the folder at `link` that of the version ---

class Deployment {
    constructor(owner) {
        this.root = folder(owner);
        this.link = path.join(this.root, 'current');
        this.count = 0;
        this.release(both(0));
    }

    get folder() {
        return fs.realpathSync(this.link);
    }

    file(name) {
        return path.join(this.folder, name);
    }

    // A new folder, to which `current` is moved at once.
    release(files) {
        const name = path.join(this.root, `release-${++this.count}`);
        fs.cpSync(this.count > 1 ? this.folder : SCRIPTS, name, { recursive: true });
        writeFiles(name, files);
        fs.symlinkSync(path.basename(name), `${this.link}.next`);
        fs.renameSync(`${this.link}.next`, this.link);
    }

    git(...args) {
        const options = { cwd: this.folder, encoding: 'utf8' };
        const { status, stderr } = spawnSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@localhost', ...args], options);
        assert.equal(status, 0, `git ${args.join(' ')}: ${stderr}`);
    }
}

const WAYS = {
    'in place': (deployment, version) => writeFiles(deployment.folder, both(version)),
    'written beside, and renamed': (deployment, version) => {
        for (const [name, text] of Object.entries(both(version))) {
            const file = deployment.file(name);
            const beside = path.join(path.dirname(file), `.${path.basename(file)}.x9Yz1a`);
            fs.writeFileSync(beside, text);
            fs.renameSync(beside, file);
        }
    },
    'as vim does': (deployment, version) => {
        for (const [name, text] of Object.entries(both(version))) {
            const file = deployment.file(name);
            const swap = path.join(path.dirname(file), `.${path.basename(file)}.swp`);
            fs.writeFileSync(swap, 'b0VIM');
            fs.writeFileSync(path.join(path.dirname(file), '4913'), '');
            fs.unlinkSync(path.join(path.dirname(file), '4913'));
            fs.renameSync(file, `${file}~`);
            fs.writeFileSync(file, text);
            fs.unlinkSync(`${file}~`);
            fs.unlinkSync(swap);
        }
    },
    'as emacs does': (deployment, version) => {
        const file = deployment.file('lib/version.lua');
        const lock = path.join(path.dirname(file), '.#version.lua');
        fs.symlinkSync('me@here.1', lock);
        fs.writeFileSync(path.join(path.dirname(file), '#version.lua#'), 'return {');
        fs.renameSync(file, `${file}~`);
        writeFiles(deployment.folder, both(version));
        fs.unlinkSync(lock);
    },
    'a link that leads elsewhere': (deployment, version) => deployment.release(both(version)),
    'a folder in the place of another': (deployment, version) => {
        const here = deployment.folder;
        fs.cpSync(here, `${here}.new`, { recursive: true });
        writeFiles(`${here}.new`, both(version));
        fs.renameSync(here, `${here}.old`);
        fs.renameSync(`${here}.new`, here);
        fs.rmSync(`${here}.old`, { recursive: true });
    },
    'git checkout': (deployment, version) => {
        if (!fs.existsSync(deployment.file('.git'))) deployment.git('init', '--quiet');
        deployment.git('add', '--all');
        deployment.git('commit', '--quiet', '--allow-empty', '--message', 'before');
        deployment.git('tag', '--force', 'before');
        writeFiles(deployment.folder, both(version));
        deployment.git('commit', '--quiet', '--all', '--message', 'after');
        deployment.git('tag', '--force', 'after');
        deployment.git('checkout', '--quiet', 'before');
        deployment.git('checkout', '--quiet', 'after');
    },
    'SIGHUP': (deployment, version, rowcast) => {
        writeFiles(deployment.folder, both(version));
        rowcast.signal('SIGHUP');
    },
};

// What makes both files change at once: no event may have one file's version and another's of the other.
const ATOMIC = ['a link that leads elsewhere', 'a folder in the place of another'];

const BREAKAGES = [
    (deployment) => writeFiles(deployment.folder, { 'tables/trades.lua': BROKEN }),
    (deployment) => deployment.release({ 'tables/trades.lua': BROKEN }),
    (deployment) => {
        fs.writeFileSync(deployment.file('tables/x'), BROKEN);
        fs.renameSync(deployment.file('tables/x'), deployment.file('tables/trades.lua'));
    },
];

// --- The clients: all must get the same, so each message is read once and compared with what the first one got ---

class Crowd {
    constructor() {
        this.story = []; // the texts of the events, as the first of them got each
        this.counts = [];
        this.complaints = [];
    }

    get newest() {
        return this.story.length > 0 ? JSON.parse(this.story.at(-1)).data : { n: 0 };
    }

    join(url) {
        const socket = new WebSocket(url, { perMessageDeflate: false });
        const index = this.counts.push(0) - 1;
        socket.on('open', () => socket.send('{"action":"subscribe","market_id":"a"}'));
        socket.on('close', (code) => this.complaints.push(`client ${index} was closed with ${code}`));
        socket.on('error', (error) => this.complaints.push(`client ${index}: ${error.message}`));
        socket.on('message', (bytes) => this.take(index, String(bytes)));
        return new Promise((resolve) => {
            socket.once('close', () => resolve(socket));
            socket.once('message', () => resolve(socket));
        });
    }

    take(index, text) {
        if (!text.startsWith('{"type":"trade"')) return;
        const at = this.counts[index]++;
        if (at === this.story.length) this.story.push(text);
        else if (this.story[at] !== text && this.complaints.length < 10)
            this.complaints.push(`client ${index}: event ${at} is ${text}, others got ${this.story[at]}`);
    }
}

// Commits transactions of three rows, one behind the other, until the table `stop` is there: on its own. Not more of them than this
// one process can read for all clients, or it would not get round to asking the router anything.
const WRITER = `do $$ declare n int := 0; begin loop
    insert into trades (market_id, user_wallet, trade_type, outcome, shares, cost)
        select 'a', 'w', 'buy', true, 1, n + k from generate_series(1, 3) k;
    commit; n := n + 3; perform pg_sleep(${LONG ? 2 : 0.05});
    exit when exists (select from pg_class where relname = 'stop');
end loop; end $$`;

describe('reloads under load', () => {
    it('lose nothing, double nothing, mix nothing', { timeout: 900_000 }, async (t) => {
        const database = await Database.create(t);
        const deployment = new Deployment(t);
        const env = { ROWCAST_MAX_QUEUE: '64MiB', ROWCAST_RATE: 'off' };
        const { rowcast, client } = await start(t, database, ['a'], { scripts: deployment.link, env });
        const crowd = new Crowd();
        for (let left = CLIENTS; left > 0; left -= 100) {
            const joined = Array.from({ length: Math.min(left, 100) }, () => crowd.join(rowcast.url));
            rowcast.guests.push(...(await Promise.all(joined)));
        }
        await until('all are subscribed', async () => (await rowcast.status()).clients.subscriptions === CLIENTS + 1);
        const writer = database.session();
        writer.child.stdin.write(`${WRITER};\n\\echo written\n`);

        let version = 0;
        let failures = 0;
        const wayOf = {};
        for (let round = 0; round < ROUNDS; round++)
            for (const [name, change] of Object.entries(WAYS)) {
                if (++version % 3 === 0) {
                    BREAKAGES[failures++ % BREAKAGES.length](deployment);
                    const told = (text) => /tables\/trades\.lua:\d+: .*; the scripts loaded before go on$/.test(text);
                    await rowcast.ready({ status: 200, json: { status: 'degraded', checks: { scripts: told } } });
                }
                wayOf[version] = name;
                change(deployment, version, rowcast);
                const arrived = () => crowd.newest.a === version && crowd.newest.b === version;
                await until(`events of version ${version}, ${name}`, arrived, () => `${crowd.story.at(-1)}\n${rowcast.story}`);
                await rowcast.ready({ status: 200, json: { status: 'ok' } });
            }
        await database.sql('create table stop ()');
        await until('the writer has stopped', () => /^written$/m.test(writer.output), () => writer.output);
        const [total] = (await database.sql('select count(*) from trades')).map(Number);
        const all = () => crowd.counts.every((count) => count >= total) || crowd.complaints.length > 0;
        await until('every event at every client', all, () => `${Math.min(...crowd.counts)} of ${total}\n${rowcast.story}`);
        await client.events(total);
        await client.expectNothing();
        assert.deepEqual(crowd.complaints, []);
        assert.ok(crowd.counts.every((count) => count === total));

        const events = crowd.story.map((text) => JSON.parse(text));
        const transactionOf = ({ id }) => id.split('-').slice(0, 4).join('-');
        events.forEach((event, i) => {
            const before = events[i - 1];
            assert.equal(event.data.n, i + 1);
            if (before && transactionOf(event) === transactionOf(before)) assert.deepEqual([event.data.a, event.data.b], [before.data.a, before.data.b]);
            if (!before) return;
            assert.ok(event.id > before.id);
            assert.ok(event.data.a >= before.data.a);
            if (ATOMIC.includes(wayOf[event.data.a])) assert.equal(event.data.b, event.data.a, wayOf[event.data.a]);
        });
        const metrics = await rowcast.metrics();
        assert.ok(metrics['rowcast_reloads_total{result="ok"}'] >= version);
        assert.ok(metrics['rowcast_reloads_total{result="failed"}'] >= failures);
        assert.equal(metrics['rowcast_script_errors_total{script="tables/trades.lua"}'], 0);
        t.diagnostic(
            `${total} events in ${total / 3} transactions at each of ${CLIENTS} clients (${total * CLIENTS} deliveries), ` +
                `${version} versions in ${Object.keys(WAYS).length} ways, ${failures} broken ones between; ` +
                `reloads: ${metrics['rowcast_reloads_total{result="ok"}']} ok, ${metrics['rowcast_reloads_total{result="failed"}']} failed`,
        );
    });

    it('wait for the end of a transaction that comes in parts', async (t) => {
        const scripts = scriptFolder(t, { shipped: true, files: both(1) });
        const rowcast = await serve(t, { scripts, env: { ROWCAST_MAX_QUEUE: '64MiB' } });
        const client = await rowcast.connect();
        await client.subscribe('a');
        const large = 10_000; // changes that come together; the rest comes in parts
        const trades = (first, count) => Array.from({ length: count }, (_, i) => trade('a', first + i));
        const part = (first, count, more) => ({ lsn: '0/100', more, ...transaction(1, ...trades(first, count)) });
        rowcast.feed(part(1, large, true), part(large + 1, 1, true));
        await client.events(large);
        writeFiles(scripts, both(2));
        await until('it is loaded and waits', async () => (await rowcast.status()).scripts.last_reload?.waits === true);
        rowcast.feed(part(large + 2, 2, false), { lsn: '0/200', ...transaction(2, trade('a', large + 4)) });
        const seen = (await client.events(4)).map(({ data }) => [data.n - large, data.a, data.b]);
        assert.deepEqual(seen, [[1, 1, 1], [2, 1, 1], [3, 1, 1], [4, 2, 2]]);
        assert.equal((await rowcast.status()).scripts.last_reload.waits, false);
    });
});

describe('a watched folder', () => {
    const served = async (t, files, options = {}) => {
        const scripts = scriptFolder(t, { shipped: true, files });
        const rowcast = await serve(t, { scripts, ...options });
        const client = await rowcast.connect();
        await client.subscribe('a');
        return { scripts, rowcast, client };
    };
    const last = async (rowcast) => (await rowcast.status()).scripts.last_reload;

    it('is not loaded anew for what means nothing', async (t) => {
        const { scripts, rowcast } = await served(t, both(1));
        assert.equal((await rowcast.status()).scripts.watched, true);
        const touch = (name) => fs.utimesSync(path.join(scripts, name), new Date(), new Date());
        touch('tables/trades.lua');
        fs.writeFileSync(path.join(scripts, 'lib', 'version.lua'), versionModule(1));
        writeFiles(scripts, { 'tables/trades.lua~': 'x', 'notes.md': 'x', 'tables/.trades.lua.swp': 'x', 'other/a.lua': '(' });
        writeFiles(scripts, { 'client.lua': '(' });
        await rowcast.logged('reload_failed'); // all of the former had their chance
        assert.equal(rowcast.lines('reloaded').length, 0);
        fs.copyFileSync(path.join(SCRIPTS, 'client.lua'), path.join(scripts, 'client.lua'));
        await rowcast.logged('reload_mended');
        assert.equal((await last(rowcast)).result, 'mended');
        assert.equal((await rowcast.ready()).json.status, 'ok');
        assert.equal(rowcast.lines('reloaded').length, 0);
    });

    it('may be read half written: the rest mends it', async (t) => {
        const { scripts, rowcast, client } = await served(t, both(1));
        const text = tradesScript(2);
        const file = fs.openSync(path.join(scripts, 'tables', 'trades.lua'), 'w');
        fs.writeSync(file, text.slice(0, 80));
        await rowcast.logged('reload_failed');
        assert.equal((await last(rowcast)).result, 'failed');
        fs.writeSync(file, text.slice(80));
        fs.closeSync(file);
        await rowcast.logged('reloaded');
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await client.events(1))[0].data.a, 2);
        assert.equal((await rowcast.ready()).json.status, 'ok');
    });

    it('says once what is broken, as `check` does before', async (t) => {
        const { scripts, rowcast, client } = await served(t, both(1));
        writeFiles(scripts, { 'lib/version.lua': '\n\nreturn = 7' });
        const { message } = await rowcast.logged('reload_failed');
        const { stderr, code } = await run(['check', '--scripts', scripts]);
        assert.equal(code, 78);
        assert.equal(`${stderr.split('\n')[0]}; the scripts loaded before go on`, message);
        assert.match(message, /lib\/version\.lua:3: /);
        const { json } = await rowcast.ready({ status: 200, json: { status: 'degraded' } });
        assert.equal(json.checks.scripts, message);
        const status = await rowcast.status();
        assert.equal(status.scripts.state, message);
        assert.equal(status.scripts.last_reload.result, 'failed');
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await client.events(1))[0].data.a, 1);
        writeFiles(scripts, { 'lib/version.lua': '\n\nreturn = 7' }); // the same again
        writeFiles(scripts, both(2));
        await rowcast.logged('reloaded');
        assert.equal(rowcast.lines('reload_failed').length, 1);
        assert.match((await last(rowcast)).at, /^2/);
        assert.equal((await last(rowcast)).result, 'ok');
    });

    it('may go away and come back', async (t) => {
        const { scripts, rowcast, client } = await served(t, both(1));
        fs.renameSync(scripts, `${scripts}.away`);
        const { message } = await rowcast.logged('reload_failed');
        assert.match(message, /script folder .* does not exist/);
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await client.events(1))[0].data.a, 1);
        fs.renameSync(`${scripts}.away`, scripts);
        await rowcast.logged('reload_mended');
        writeFiles(scripts, { 'lib/deeper/still/number.lua': 'return 5' });
        writeFiles(scripts, { 'lib/version.lua': 'return require("deeper.still.number")' });
        await rowcast.logged('reloaded');
        writeFiles(scripts, { 'lib/deeper/still/number.lua': 'return 6' }); // in folders that were not there
        await until('it is loaded', () => rowcast.lines('reloaded').length > 1);
        await until('version 6', async () => {
            rowcast.feed(transaction(2, trade('a', 2)));
            return (await client.events(1))[0].data.b === 6;
        });
    });

    it('takes the log level, and says which settings wait', async (t) => {
        const { scripts, rowcast } = await served(t, { 'config.lua': 'return { log_level = "info" }' });
        writeFiles(scripts, { 'config.lua': 'return { log_level = "error", max_message = "32KiB", paths = { "/live" } }' });
        await until('the level is taken', async () => (await last(rowcast))?.result === 'ok');
        assert.equal(rowcast.lines('reloaded').length, 0, 'nothing below an error is logged');
        writeFiles(scripts, { 'config.lua': 'return { log_level = "warn", max_message = "32KiB", paths = { "/live" } }' });
        await rowcast.logged('setting_waits', { setting: 'paths', origin: 'config.lua' });
        await rowcast.logged('setting_waits', { setting: 'max_message', message: /takes effect when rowcast is started anew/ });
        assert.equal(rowcast.lines('setting_waits', { setting: 'log_level' }).length, 0);
        writeFiles(scripts, { 'config.lua': 'return { log_lvel = "warn" }' });
        const { message } = await rowcast.logged('reload_failed');
        assert.match(message, /config\.lua:1: there is no setting 'log_lvel'; did you mean 'log_level'\?/);
    });

    it('lets SIGHUP take the log level of the settings file', async (t) => {
        const file = path.join(folder(t), 'rowcast.conf');
        fs.writeFileSync(file, 'log_level = info\n');
        const rowcast = await serve(t, { args: ['--config', file] });
        fs.writeFileSync(file, 'log_level = debug\nmax_event = 1KiB\n');
        rowcast.signal('SIGHUP');
        await rowcast.logged('setting_waits', { setting: 'max_event', origin: new RegExp(`^${file}:\\d+$`) });
        fs.writeFileSync(file, 'log_level = loud\n');
        rowcast.signal('SIGHUP');
        const { message } = await rowcast.logged('reload_failed');
        assert.match(message, /log_level = loud .*debug, info, warn or error is expected/);
        await rowcast.ready({ status: 200, json: { status: 'degraded' } });
        fs.writeFileSync(file, 'log_level = error\nmax_event = 1KiB\n');
        rowcast.signal('SIGHUP');
        await rowcast.ready({ status: 200, json: { status: 'ok' } });
    });

    it('is looked through now and then where nothing can be watched', async (t) => {
        const probe = ['-Ur', 'sh', '-c', 'echo 0 >/proc/sys/user/max_inotify_instances'];
        if (spawnSync('unshare', probe).status !== 0) return t.skip('no user namespaces here');
        const wrapper = path.join(folder(t), 'rowcast');
        fs.writeFileSync(wrapper, `#!/bin/sh\nexec unshare -Ur sh -c '${probe[3]}; exec "$0" "$@"' ${BINARY} "$@"\n`, { mode: 0o755 });
        const { scripts, rowcast, client } = await served(t, both(1), { binary: wrapper });
        const { message, level } = await rowcast.logged('scripts_not_watched');
        assert.equal(level, 'warn');
        assert.match(message, /sysctl -w fs\.inotify\.max_user_instances=\d+.*kill -HUP \d+/);
        assert.equal((await rowcast.status()).scripts.watched, false);
        writeFiles(scripts, both(2));
        await rowcast.logged('reloaded');
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await client.events(1))[0].data.a, 2);
    });
});

describe('a table whose script comes and goes', () => {
    const bays = `return { insert = function(new)
        return { type = "bay", topic = new.depot, market_id = new.depot, data = { bay = new.id } }
    end }`;

    it('makes events from then on, and no more', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        const rowcast = await serve(t, { scripts });
        const client = await rowcast.connect();
        await client.subscribe('a');
        const bay = insert('bays', { id: 7, depot: 'a' });
        rowcast.feed(transaction(1, bay, vote('a', 1)));
        assert.equal((await client.events(1))[0].type, 'vote');
        writeFiles(scripts, { 'tables/bays.lua': bays });
        await rowcast.logged('table_added', { schema: 'public', table: 'bays' });
        rowcast.feed(transaction(2, bay));
        assert.deepEqual((await client.events(1))[0].data, { bay: 7 });
        fs.rmSync(path.join(scripts, 'tables', 'bays.lua'));
        await rowcast.logged('table_removed', { schema: 'public', table: 'bays' });
        rowcast.feed(transaction(3, bay, vote('a', 2)));
        assert.equal((await client.events(1))[0].type, 'vote');
        fs.renameSync(path.join(scripts, 'tables'), path.join(scripts, 'kept'));
        await rowcast.logged('table_removed', { table: 'votes' });
        rowcast.feed(transaction(4, vote('a', 3)));
        await client.expectNothing();
        fs.renameSync(path.join(scripts, 'kept'), path.join(scripts, 'tables'));
        await rowcast.logged('table_added', { table: 'votes' });
        rowcast.feed(transaction(5, vote('a', 4)));
        assert.equal((await client.events(1))[0].type, 'vote');
    });

    it('is told from the publication, which is looked at again', async (t) => {
        const database = await Database.create(t);
        await database.sql('create table bays (id int primary key, depot text)');
        const scripts = scriptFolder(t, { shipped: true });
        const { rowcast, client } = await start(t, database, ['a'], { scripts });
        writeFiles(scripts, { 'tables/bays.lua': bays });
        const { message, level } = await rowcast.logged('table_not_published');
        assert.equal(level, 'warn');
        assert.match(message, /public\.bays has a script but is not in the publication "rowcast".*rowcast db setup$/);
        const { json } = await rowcast.ready({ status: 200, json: { status: 'degraded' } });
        assert.equal(json.checks.scripts, message);
        const { code, stderr } = await run(['db', 'setup'], { env: { ...database.settings, ROWCAST_SCRIPTS: scripts } });
        assert.equal(code, 0, stderr);
        await rowcast.logged('tables_published');
        await rowcast.ready({ status: 200, json: { status: 'ok', checks: { scripts: 'ok' } } });
        await database.sql(`insert into bays values (1, 'a')`);
        assert.deepEqual((await client.events(1))[0].data, { bay: 1 });
    });
});

// SPDX-License-Identifier: MIT
// usage: see tests/bench/run, which builds what this starts.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { Server } = require('../integration/lib/server.js');
const { ROOT, BINARY, environment } = require('../integration/lib/rowcast.js');
const { Client } = require('../integration/lib/client.js');
const { fanout, idle, Tool } = require('./fanout.js');
const { churn } = require('./churn.js');
const { reload } = require('./reload.js');
const { slow } = require('./slow.js');

const TOOLS = path.join(ROOT, 'build', 'bench');
const SCHEMA = fs.readFileSync(path.join(ROOT, 'examples', 'market', 'schema.sql'), 'utf8');
const LIMIT = 300; // seconds that one step may take
const TICKS = 100; // of /proc/PID/stat a second

const number = (text, fallback) => (text === undefined ? fallback : Number(text));
const { values, positionals } = parseArgs({
    options: { pairs: { type: 'string' }, rows: { type: 'string' }, write: { type: 'boolean' } },
    allowPositionals: true,
});
const PAIRS = number(values.pairs, 3);
const ROWS = number(values.rows, 300000);

const ends = [];
const owner = { after: (step) => ends.push(step) };
const round = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
// The least, the middle one, and the most.
const spread = (list) => {
    const sorted = [...list].sort((a, b) => a - b);
    return `${round(sorted[0])} / ${round(sorted[sorted.length >> 1])} / ${round(sorted.at(-1))}`;
};
const say = (text) => console.log(text);

// --- What is started ---

// Runs a command to its end: { code, out, err, wall, cpu } in seconds.
async function run(command, args, { env = {}, input } = {}) {
    const timed = ['-c', 'TIMEFORMAT="%R %U %S"; time "$@"', 'bash', command, ...args];
    const child = spawn('bash', timed, { env: environment(env), stdio: 'pipe' });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    child.stdin.end(input);
    const killer = setTimeout(() => child.kill('SIGKILL'), LIMIT * 1000);
    const code = await new Promise((resolve) => child.on('close', resolve));
    clearTimeout(killer);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}\n${err}`);
    const [wall, user, sys] = err.trim().split('\n').at(-1).split(' ').map(Number);
    return { code, out, err, wall, cpu: user + sys };
}

// A private server on a Unix socket, with the demo's tables and a slot that was made before all rows.
class Database {
    static async create() {
        const database = new Database();
        database.server = await Server.start(owner, {
            max_wal_size: '8GB',
            max_replication_slots: 40,
            max_wal_senders: 40,
            checkpoint_timeout: '1h',
        });
        database.url = `postgresql:///postgres?host=${database.server.folder}&port=${database.server.port}&user=postgres`;
        await database.sql(`${SCHEMA} create publication rowcast for all tables;`);
        await database.sql(`select pg_create_logical_replication_slot('base', 'pgoutput')`);
        return database;
    }

    async sql(text) {
        const { out } = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', this.url], { input: text });
        return out.trim();
    }

    // Begins anew: what was written up to now is not in what comes.
    async forget() {
        await this.sql(`select pg_drop_replication_slot('base'); truncate trades, markets; checkpoint`);
        await this.sql(`select pg_create_logical_replication_slot('base', 'pgoutput')`);
    }

    // Where the log is, with a transaction behind it that makes every reader see that it has come so far.
    async end() {
        const end = await this.sql('select pg_current_wal_lsn()');
        await this.sql(`insert into ${COLUMNS} values ('end', 'w', 'buy', true, 1, 1)`);
        return end;
    }

    async slot(name) {
        await this.sql(`select pg_copy_logical_replication_slot('base', '${name}')`);
    }

    async drop(name) {
        for (;;) {
            const active = await this.sql(`select active from pg_replication_slots where slot_name = '${name}'`);
            if (active !== 't') break;
            await sleep(50);
        }
        await this.sql(`select pg_drop_replication_slot('${name}')`);
    }
}

const COLUMNS = 'trades (market_id, user_wallet, trade_type, outcome, shares, cost)';
const TRADE = `'market-' || (n % 100), '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU', 'buy', true, n * 0.5, n`;
const single = (rows) => `do $$ begin for n in 1..${rows} loop insert into ${COLUMNS} values (${TRADE}); commit; end loop; end $$`;
const large = (rows) => `insert into ${COLUMNS} select ${TRADE} from generate_series(1, ${rows}) n`;

// The router of a slot, and what the kernel knows of it.
class Router {
    constructor(database, slot) {
        this.began = process.hrtime.bigint();
        const env = {
            DATABASE_URL: database.url,
            ROWCAST_SLOT: slot,
            WS_PORT: '0',
            WS_HOST: '127.0.0.1',
            ROWCAST_HEARTBEAT: 'off', // the load's clients answer no pings
            ROWCAST_SCRIPTS: path.join(ROOT, 'scripts'),
        };
        this.child = spawn(BINARY, [], { env: environment(env), stdio: ['ignore', 'ignore', 'pipe'] });
        this.events = {};
        this.log = '';
        let rest = '';
        this.child.stderr.setEncoding('utf8').on('data', (text) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop();
            for (const line of lines) this.take(line);
        });
        this.ended = new Promise((resolve) => this.child.on('close', resolve));
    }

    take(line) {
        this.log += `${line}\n`;
        const entry = JSON.parse(line);
        this.port ??= entry.port;
        this.events[entry.event] ??= { wall: Number(process.hrtime.bigint() - this.began) / 1e9, cpu: this.cpu() };
    }

    // Everything that was committed before it began has gone through the scripts into the history.
    async drained() {
        for (let waited = 0; !this.events.source_started; waited += 10) {
            if (this.child.exitCode !== null || waited > LIMIT * 1000) throw new Error(`the router does not run\n${this.log}`);
            await sleep(10);
        }
        return this.events.source_started;
    }

    cpu() {
        const fields = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
        return (Number(fields[11]) + Number(fields[12])) / TICKS;
    }

    // MiB: 'VmRSS' is what it has, 'VmHWM' the most it ever had.
    memory(name) {
        const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
        return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    }

    async stop() {
        this.child.kill('SIGTERM');
        await this.ended;
    }
}

// --- The scenarios ---

async function receive(database, slot, end) {
    const args = ['-d', database.url, '-S', slot, '--start', '-f', '/dev/null', '-E', end];
    return run('pg_recvlogical', [...args, '-o', 'proto_version=1', '-o', 'publication_names=rowcast']);
}

async function route(database, slot) {
    const router = new Router(database, slot);
    try {
        const drained = await router.drained();
        return { ...drained, peak: router.memory('VmHWM') };
    } finally {
        await router.stop();
    }
}

// Both from the same WAL, by turns.
async function compare(name, rows, write, reach) {
    const database = await shared();
    await database.forget();
    await database.sql(write);
    const end = await database.end();
    const [theirs, ours] = [[], []];
    for (let pair = 0; pair < PAIRS; pair++) {
        const measures = [
            ['theirs', async (slot) => theirs.push(await receive(database, slot, end))],
            ['ours', async (slot) => ours.push(await route(database, slot))],
        ];
        for (const [who, measure] of pair % 2 === 0 ? measures : measures.reverse()) {
            const slot = `${name}_${who}_${pair}`;
            await database.slot(slot);
            await measure(slot);
            await database.drop(slot);
        }
    }
    const ratios = ours.map((our, pair) => theirs[pair].wall / our.wall);
    const million = (list) => spread(list.map(({ cpu }) => (cpu * 1e6) / rows));
    say(`${name}: ${rows} rows, ${PAIRS} pairs, min / median / max`);
    say(`  speed beside pg_recvlogical      ${spread(ratios)}   (reach: ${reach})`);
    say(`  rows a second: router            ${spread(ours.map(({ wall }) => rows / wall))}`);
    say(`                 pg_recvlogical    ${spread(theirs.map(({ wall }) => rows / wall))}`);
    say(`  CPU s a million rows: router     ${million(ours)}`);
    say(`                 pg_recvlogical    ${million(theirs)}`);
    say(`  the router's memory at most, MiB ${spread(ours.map(({ peak }) => peak))}`);
}

async function memoryOf(router, write, seen) {
    const before = router.memory('VmRSS');
    fs.writeFileSync(`/proc/${router.child.pid}/clear_refs`, '5'); // VmHWM counts from here
    await write();
    await seen();
    const peak = router.memory('VmHWM');
    await sleep(1500);
    return `${round(before)} before, ${round(peak)} at most, ${round(router.memory('VmRSS'))} after`;
}

async function million() {
    const database = await shared();
    await database.forget();
    await database.slot('million');
    const router = new Router(database, 'million');
    try {
        await router.drained();
        const client = await Client.connect(`ws://127.0.0.1:${router.port}`, {});
        let told = '';
        client.socket.removeAllListeners('message');
        client.socket.on('message', (bytes) => (told = String(bytes)));
        const until = async (pattern) => {
            for (let waited = 0; !pattern.test(told); waited += 20) {
                if (waited > LIMIT * 1000) throw new Error(`${pattern} does not come: ${told.slice(0, 200)}\n${router.log}`);
                await sleep(20);
            }
        };
        client.socket.send('{"action":"subscribe","market_id":"end"}');
        await until(/Subscribed to market end/);
        const passed = async () => {
            await database.end();
            await until(/"type":"trade"/);
            told = '';
        };
        await passed();
        say('million: the router\'s memory, MiB, its history of 64 MiB filled before');
        await database.sql(large(300000));
        await passed();
        const rows = await memoryOf(router, () => database.sql(large(1000000)), passed);
        say(`  a transaction of 1,000,000 rows  ${rows}`);
        const text = `insert into markets (id, question, b) values ('end', repeat('x', 50000000), 1)`;
        const value = await memoryOf(
            router,
            () => database.sql(text),
            () => until(/"type":"market_state".*"too_large":50000/),
        );
        say(`  a value of 50 MB                 ${value}`);
        client.socket.terminate();
    } finally {
        await router.stop();
        await database.drop('million');
    }
}

function recorded(rows) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-bench.'));
    ends.push(() => fs.rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'rows.jsonl');
    const out = fs.openSync(file, 'w');
    for (let n = 0; n < rows; n++) {
        const row = { id: `${n}`, market_id: `market-${n % 100}`, user_wallet: '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU' };
        Object.assign(row, { trade_type: 'buy', outcome: true, shares: `${n % 100}.5`, cost: `${n}` });
        row.created_at = '2025-11-09T12:00:00.000Z';
        const changes = [{ op: 'insert', table: 'public.trades', new: row }];
        const lsn = `0/${(4096 + 16 * n).toString(16).toUpperCase()}`;
        fs.writeSync(out, `${JSON.stringify({ lsn, xid: 700 + n, time: '2025-11-09T12:00:00.000Z', changes })}\n`);
    }
    fs.closeSync(out);
    return file;
}

const SCRIPTS = path.join(ROOT, 'scripts');
const preload = { env: { LD_PRELOAD: path.join(TOOLS, 'allocations.so') } };

// { read: [nanoseconds, allocations], script: … } a row, the second only where allocations are counted.
async function stages(file, env) {
    const { out } = await run(path.join(ROOT, 'build', 'stages'), [file, SCRIPTS, `${ROWS}`], env);
    const lines = out.trim().split('\n').map((line) => line.split(' '));
    return Object.fromEntries(lines.map(([name, ...figures]) => [name, figures.map(Number)]));
}

async function script() {
    const file = recorded(ROWS);
    const runs = [];
    for (let pair = 0; pair < PAIRS; pair++) runs.push(await stages(file));
    const counted = await stages(file, preload);
    const told = (name) => `${spread(runs.map((run) => 1e9 / run[name][0]))}`;
    say(`script: ${ROWS} one-row transactions of trades, ${PAIRS} runs, min / median / max, a second of one core`);
    say(`  rows in memory to framed events  ${told('script')}   (goal: 400000)`);
    say(`  lines of JSON to rows in memory  ${told('read')}`);
    say(`  allocations an event             ${round(counted.script[1])} (the row: ${round(counted.read[1])})`);
}

// CPU seconds of the brain's thread alone for recorded rows that go to the history and to a worker, whose client has
// subscribed to all topics but wants none of these events: its socket is not what is measured.
async function routed(file) {
    const args = ['--source', '-', '--scripts', SCRIPTS, '--port', '0', '--host', '127.0.0.1', '--admin', 'off', '--workers', '1'];
    const child = spawn(BINARY, args, { env: environment({}), stdio: ['pipe', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
    const logged = async (pattern) => {
        for (let waited = 0; !pattern.test(log); waited += 10) {
            if (child.exitCode !== null || waited > LIMIT * 1000) throw new Error(`the router does not run\n${log}`);
            await sleep(10);
        }
        return pattern.exec(log);
    };
    const cpu = () => {
        const fields = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
        return (Number(fields[11]) + Number(fields[12])) / TICKS;
    };
    try {
        const [, port] = await logged(/"port":(\d+)/);
        const client = await Client.connect(`ws://127.0.0.1:${port}`, {});
        const markets = Array.from({ length: 100 }, (_, n) => `market-${n}`);
        let confirmed = 0;
        client.socket.on('message', () => confirmed++);
        client.socket.send(JSON.stringify({ action: 'subscribe', market_ids: markets, events: ['none'] }));
        while (confirmed < markets.length) await sleep(10);
        const before = cpu();
        fs.createReadStream(file).pipe(child.stdin);
        await logged(/"event":"source_ended"/);
        const spent = cpu() - before;
        client.socket.terminate();
        return spent;
    } finally {
        child.kill('SIGKILL');
    }
}

async function replay() {
    const sink = (file) => ['-c', '"$@" >/dev/null', 'bash', BINARY, 'replay', file, '--scripts', SCRIPTS];
    const file = recorded(ROWS);
    const [printed, brains] = [[], []];
    for (let pair = 0; pair < PAIRS; pair++) {
        printed.push(ROWS / (await run('bash', sink(file))).cpu);
        brains.push(ROWS / (await routed(file)));
    }
    say(`replay: ${ROWS} one-row transactions, ${PAIRS} runs, min / median / max, events a second of one core`);
    say(`  the router: lines to the worker  ${spread(brains)}   (goal: 300000)`);
    say(`  rowcast replay: lines to lines   ${spread(printed)}`);
}

// With every row to every client, a million deliveries a second, the sends alone fill a core: what is measured then is how
// rows that wait for a walk are joined.
async function latency() {
    await latencyOver(100);
    await latencyOver(1);
}

async function latencyOver(topics) {
    const [seconds, rate, clients] = [10, 1000, 1000];
    const database = await shared();
    await database.forget();
    for (const name of ['bare', 'routed']) await database.slot(name);
    const router = new Router(database, 'routed');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-bench.'));
    ends.push(() => fs.rmSync(folder, { recursive: true, force: true }));
    let reader, load;
    try {
        await router.drained();
        const count = seconds * rate * 0.9;
        load = new Tool(path.join(TOOLS, 'load'), [`${router.port}`, `${clients}`, `${topics}`, '2'], { stdio: ['pipe', 'pipe', 'inherit'] });
        await load.line();
        load.child.stdin.write(`watch ${Math.floor(count / topics)}\n`);
        const commit = path.join(folder, 'commit.sql');
        const cost = `currval(pg_get_serial_sequence('trades', 'id'))`;
        const market = `'m' || ${cost} % ${topics}`;
        fs.writeFileSync(commit, `insert into ${COLUMNS} values (${market}, 'w', 'buy', true, 1, ${cost});\n`);
        const stream = `${database.url}&replication=database`;
        reader = run(path.join(TOOLS, 'reader'), [stream, 'bare', 'rowcast', `${count}`]);
        reader.catch(() => {});
        await sleep(500);
        const paced = ['-n', '-c', '2', '-R', `${rate}`, '-t', `${(seconds * rate) / 2}`, '-f', commit, database.url];
        await run('pgbench', paced);
        const { out } = await reader;
        const committed = new Map();
        const [bare, routed] = [[], []];
        for (const line of out.trim().split('\n')) {
            const [id, at, read] = line.split(' ');
            committed.set(id, at);
            bare.push(read - at);
        }
        let words;
        for (;;) {
            words = (await load.line()).split(' ').map(Number);
            if (words.length === 3) break; // the end
            const at = committed.get(`${words[0]}`);
            if (at !== undefined) routed.push(words[1] - at);
        }
        const [, wall, own] = words;
        const part = (list, share) => round([...list].sort((a, b) => a - b)[Math.floor(list.length * share)]);
        const told = (list) => `${part(list, 0.5)} median, ${part(list, 0.99)} p99`;
        const receivers = clients / topics;
        say(`latency: ${rate} commits a second, ${bare.length} of them, each to ${receivers} of ${clients} clients; microseconds from the commit`);
        say(`  a bare libpq loop                ${told(bare)}`);
        say(`  the WebSocket clients            ${told(routed)}   (reach: p99 3 times the bare one's)`);
        say(`  ${(part(routed, 0.99) / part(bare, 0.99)).toFixed(2)} times; of every 97th client, ${routed.length} deliveries`);
        if (own / wall > 0.9) say(`  the clients were the bottleneck: busy for ${((own / wall) * 100).toFixed(0)} % of the time`);
    } finally {
        await load?.stop('SIGKILL');
        await router.stop();
        for (const name of ['bare', 'routed']) await database.drop(name);
    }
}

let database;
const shared = () => (database ??= Database.create());

const scenarios = {
    single: () => compare('single', ROWS, single(ROWS), 0.8),
    large: () => compare('large', 500000, `begin; ${large(250000)}; commit; begin; ${large(250000)}; commit`, 0.5),
    million,
    script,
    replay,
    latency,
    fanout: () => fanout(PAIRS, { say, spread, write: values.write, circumstances }),
    idle: () => idle({ say }),
    churn: () => churn({ say }),
    slow: () => slow({ say }),
    reload: () => reload(owner, { say }),
};

const load = () => fs.readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 2).join(' ');
const circumstances = () => `${PAIRS} pairs on ${os.cpus().length} cores with a load of ${load()}, of which the measurement is a part:`;

async function main() {
    const names = positionals.length > 0 ? positionals : Object.keys(scenarios);
    const unknown = names.find((name) => !scenarios[name]);
    if (unknown) {
        console.error(`bench: unknown name '${unknown}'; there are: ${Object.keys(scenarios).join(' ')}`);
        return 2;
    }
    say(`${os.cpus().length} cores, load ${load()} at the beginning`);
    for (const name of names) await scenarios[name]();
    say(`load ${load()} at the end`);
    return 0;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => leave(1));

async function leave(code) {
    for (const step of ends.splice(0).reverse()) await step();
    process.exit(code);
}

main()
    .catch((error) => {
        console.error(`bench: ${error.message}`);
        return 1;
    })
    .then(leave);

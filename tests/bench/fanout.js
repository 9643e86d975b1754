// SPDX-License-Identifier: MIT
// usage: see tests/bench/run. What one event costs that goes to many clients, beside a server that does nothing but send,
// and what a client costs that waits.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');
const { ROOT, BINARY, environment } = require('../integration/lib/rowcast.js');
const nchan = require('./nchan.js');
const { table, write } = require('./report.js');

const TOOLS = path.join(ROOT, 'build', 'bench');
// The servers and their clients are started once for each crowd.
const CROWDS = [
    {
        clients: 1000,
        topics: 1,
        scenarios: [
            { what: 'one event in flight', batch: 1, rounds: 60, limit: 'one' },
            { what: '8 waiting', batch: 8, rounds: 40, limit: 'join' },
        ],
    },
    {
        clients: 10000,
        topics: 1,
        scenarios: [
            { what: 'one event in flight', batch: 1, rounds: 6, limit: 'one', reach: { cpu: 1.1 } },
            { what: '8 waiting', batch: 8, rounds: 6, limit: 'join', reach: { cpu: 1.1 } },
            { what: 'bursts of 16', batch: 16, rounds: 6, limit: 'join', reach: { cpu: 1.1 } },
            { what: '5 events a second', batch: 1, rounds: 10, pause: 200, limit: 'one', reach: { p99: 1.1 } },
        ],
    },
    { clients: 10000, topics: 100, scenarios: [{ what: 'one event of each topic', batch: 1, rounds: 6, limit: 'one' }] },
    { clients: 1000, topics: 100, scenarios: [{ what: 'one event of each topic', batch: 1, rounds: 60, limit: 'one' }] },
];
const PEERS = ['nchan', 'ws']; // a third of the rounds: where events wait they take twenty times as long
const FIRST = 100; // idle clients that are there before the memory is looked at
const STEP = 120000; // milliseconds that one step may take

function inTime(what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what} does not come`)), STEP);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A process that is told lines and answers with lines.
class Tool {
    constructor(command, args, options = {}) {
        this.name = path.basename(command);
        this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], { ...options });
        this.lines = [];
        this.wake = () => {};
        readline.createInterface({ input: this.child.stdio[options.from ?? 1] }).on('line', (line) => {
            this.lines.push(line);
            this.wake();
        });
        this.ended = new Promise((resolve) => this.child.on('close', resolve)).then(() => {
            this.over = true;
            this.wake();
        });
    }

    async line() {
        while (this.lines.length === 0) {
            if (this.over) throw new Error(`${this.name} has ended`);
            await inTime(`a line of ${this.name}`, new Promise((resolve) => (this.wake = resolve)));
        }
        return this.lines.shift();
    }

    async stop(signal) {
        this.child.kill(signal);
        await this.ended;
    }

    // Seconds on a core, by thread.
    cpu() {
        const folder = `/proc/${this.child.pid}/task`;
        return new Map(
            fs.readdirSync(folder).map((task) => [task, Number(fs.readFileSync(`${folder}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9]),
        );
    }

    memory() {
        return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))[1]) * 1024;
    }
}

// The servers by name, each with its port, and how many messages greet a client.
const servers = {
    async rowcast(size, { workers = 1, settings: extra = {} } = {}) {
        const settings = { WS_PORT: '0', WS_HOST: '127.0.0.1', ROWCAST_ADMIN: 'off', ROWCAST_WORKERS: `${workers}`, ROWCAST_HEARTBEAT: 'off' };
        const env = environment({ ...settings, ROWCAST_SCRIPTS: path.join(ROOT, 'scripts'), ...extra });
        const tool = new Tool(BINARY, ['--source', '-'], { env, stdio: ['pipe', 'ignore', 'pipe'], from: 2 });
        tool.port = JSON.parse(await tool.line()).port;
        return { tool, port: tool.port, greetings: 2 };
    },
    async ws(size) {
        const tool = new Tool('node', [path.join(__dirname, 'ws_server.js'), `${size}`], { stdio: ['pipe', 'pipe', 'inherit'] });
        return { tool, port: await tool.line(), greetings: 1 };
    },
    async nchan(size) {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-nchan.'));
        const port = await freePort();
        const tool = new Tool('/usr/sbin/nginx', nchan.configure(folder, port), { stdio: ['ignore', 'pipe', 'inherit'] });
        tool.ended.then(() => fs.rmSync(folder, { recursive: true, force: true }));
        await until(port, tool);
        const relay = new Tool('node', [path.join(__dirname, 'nchan.js'), `${port}`, `${size}`], { stdio: ['pipe', 'pipe', 'inherit'] });
        return { tool, port, greetings: 0, path: '/sub/', relay };
    },
    one: (size) => raw('one', size),
    join: (size) => raw('join', size),
};

async function raw(mode, size) {
    const tool = new Tool(path.join(TOOLS, 'raw'), [mode, `${size}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    return { tool, port: await tool.line(), greetings: 1 };
}

function freePort() {
    return new Promise((resolve) => {
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// Until it listens there.
async function until(port, tool) {
    for (let waited = 0; !tool.over && waited < STEP; waited += 50) {
        const open = await new Promise((resolve) => {
            const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
            socket.on('connect', () => socket.destroy());
        });
        if (open) return;
        await sleep(50);
    }
    throw new Error(`${tool.name} does not listen`);
}

// A server with its crowd of clients.
class Subject {
    static async start(name, { clients, topics, workers, settings }, size) {
        const subject = new Subject();
        subject.loads = [];
        Object.assign(subject, await servers[name](size, { workers, settings }));
        await subject.join({ clients, topics });
        return subject;
    }

    // `buffer`: the size of their receive buffers.
    async join({ clients, topics, buffer }) {
        const args = [this.port, clients, topics, this.greetings, ...(this.path ? [this.path] : [])].map(String);
        const before = this.tool.memory();
        const rows = (this.relay ?? this.tool).child.stdin;
        const env = buffer ? { ...process.env, RECEIVE_BUFFER: `${buffer}` } : process.env;
        this.load = new Tool(path.join(TOOLS, 'load'), args, { env, stdio: ['pipe', 'pipe', 'inherit', rows] });
        this.loads.push(this.load);
        await this.load.line();
        this.each = (this.tool.memory() - before) / clients;
    }

    // CPU seconds a million deliveries: of the whole server and of its busiest thread beside the first; how busy the
    // clients were; and the size of a frame.
    async measure({ rounds, batch, pause = 0 }) {
        const before = this.tool.cpu();
        this.load.child.stdin.write(`${rounds} ${batch} ${pause}\n`);
        const [deliveries, seconds, own, size, p50, p99] = (await this.load.line()).split(' ').map(Number);
        const took = [...this.tool.cpu()].map(([task, time]) => [Number(task), time - (before.get(task) ?? 0)]);
        const all = took.reduce((sum, [, time]) => sum + time, 0);
        const others = took.filter(([task]) => task !== this.tool.child.pid).map(([, time]) => time);
        const million = (time) => (time * 1e6) / deliveries;
        return { cpu: million(all), worker: million(Math.max(0, ...others)), rate: deliveries / seconds, busy: own / seconds, size, p50, p99 };
    }

    async stop() {
        for (const load of this.loads) await load.stop('SIGKILL');
        await this.relay?.stop('SIGKILL');
        await this.tool.stop('SIGKILL');
    }
}

// One scenario, measured by turns: [{ what, server, cpu, rate, p50, p99, memory }], lists of ratios to the bare sends.
async function compare(scenario, subjects, pairs, { say, spread }) {
    const { what, limit, reach = {} } = scenario;
    const names = ['rowcast', limit, ...PEERS];
    const results = Object.fromEntries(names.map((name) => [name, []]));
    for (let pair = 0; pair < pairs; pair++)
        for (const name of pair % 2 === 0 ? names : [...names].reverse()) {
            const rounds = PEERS.includes(name) ? Math.ceil(scenario.rounds / 3) : scenario.rounds;
            results[name].push(await subjects[name].measure({ ...scenario, rounds }));
        }
    const ratios = (name, part) => results[name].map((result, pair) => result[part] / results[limit][pair][part]);
    const figures = (name, part) => spread(results[name].map((result) => result[part]));
    const told = (name, part) => `${spread(ratios(name, part))}${name === 'rowcast' && reach[part] ? `   (reach: ${reach[part]})` : ''}`;
    say(`fanout: ${what}; ${pairs} pairs, min / median / max`);
    for (const name of names.filter((each) => each !== limit)) {
        say(`  ${`${name} beside raw ${limit}`.padEnd(22)} CPU ${told(name, 'cpu')}`);
        say(`  ${' '.repeat(22)} p99 ${told(name, 'p99')}`);
    }
    say(`  CPU s a million: rowcast ${figures('rowcast', 'cpu')}, its worker ${figures('rowcast', 'worker')}, raw ${figures(limit, 'cpu')}`);
    say(`  deliveries a second: rowcast ${figures('rowcast', 'rate')}, raw ${figures(limit, 'rate')}`);
    say(`  p99 in microseconds: rowcast ${figures('rowcast', 'p99')}, raw ${figures(limit, 'p99')}`);
    for (const name of names) {
        const busy = Math.max(...results[name].map((result) => result.busy));
        if (busy > 0.9) say(`  the clients of ${name} were the bottleneck: busy for ${(busy * 100).toFixed(0)} % of the time`);
    }
    const row = (name) => ({
        what,
        server: name,
        ...Object.fromEntries(['cpu', 'rate', 'p50', 'p99'].map((part) => [part, ratios(name, part)])),
        memory: subjects[name].each,
    });
    return names.filter((name) => name !== limit).map(row);
}

// All servers with their clients at once.
async function crowd({ clients, topics, scenarios }, pairs, tools) {
    const subjects = {};
    const rows = [];
    const of = `${clients.toLocaleString('en')} clients${topics > 1 ? ` over ${topics} topics` : ''}`;
    try {
        let size;
        for (const name of new Set(['rowcast', ...scenarios.map(({ limit }) => limit), ...PEERS])) {
            subjects[name] = await Subject.start(name, { clients, topics }, size);
            ({ size } = await subjects[name].measure({ rounds: 2, batch: 1 }));
        }
        for (const scenario of scenarios)
            rows.push(...(await compare({ ...scenario, what: `${of}, ${scenario.what}` }, subjects, pairs, tools)));
        return rows;
    } finally {
        for (const subject of Object.values(subjects)) await subject.stop();
    }
}

// How much more two workers deliver than one; says what keeps it from being told where there are no cores for it.
async function scaling(pairs, { say, spread }) {
    const cores = os.availableParallelism();
    const scenario = { clients: 10000, topics: 1, batch: 1, rounds: 6 };
    const subjects = [];
    try {
        for (const workers of [1, 2]) subjects.push(await Subject.start('rowcast', { ...scenario, clients: scenario.clients / 2, workers }));
        const ratios = [];
        for (let pair = 0; pair < pairs; pair++) {
            const [one, two] = [await subjects[0].measure(scenario), await subjects[1].measure(scenario)];
            ratios.push(two.rate / one.rate);
        }
        say(`fanout: 5,000 clients, deliveries a second of 2 workers beside 1: ${spread(ratios)}, on ${cores} cores`);
        if (cores < 4) say('  the brain and the clients need a core each besides: with fewer than 4 cores this says little');
    } finally {
        for (const subject of subjects) await subject.stop();
    }
}

async function fanout(pairs, tools) {
    const rows = [];
    for (const each of CROWDS) rows.push(...(await crowd(each, pairs, tools)));
    await scaling(pairs, tools);
    tools.say(`beside the bare sends, by pair, min / median / max; RSS in bytes\n${table(rows, tools.spread)}`);
    if (tools.write) write(rows, tools.circumstances(), tools.spread);
}

async function idle(tools) {
    for (const clients of [1000, 10000, 19000]) {
        const subject = await Subject.start('rowcast', { clients: FIRST, topics: 100 });
        try {
            const before = subject.tool.memory();
            await subject.join({ clients, topics: 100 });
            const each = (subject.tool.memory() - before) / clients;
            await subject.load.stop('SIGKILL');
            await sleep(3000);
            const left = (subject.tool.memory() - before) / clients;
            tools.say(`idle: ${clients} clients over 100 topics take ${each.toFixed(0)} bytes of RSS each   (reach: 500)`);
            tools.say(`      and ${left.toFixed(0)} three seconds after they have gone`);
        } finally {
            await subject.stop();
        }
    }
}

module.exports = { fanout, idle, Subject, Tool, TOOLS };

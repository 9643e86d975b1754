// SPDX-License-Identifier: MIT
// usage: see tests/bench/run. What one event costs that goes to many clients, beside a server that does nothing but send,
// and what a client costs that waits.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');
const { ROOT, BINARY, environment } = require('../integration/lib/rowcast.js');

const TOOLS = path.join(ROOT, 'build', 'bench');
const SCENARIOS = [
    { what: '1,000 clients, one event in flight', clients: 1000, topics: 1, batch: 1, rounds: 200, limit: 'one' },
    { what: '10,000 clients, one event in flight', clients: 10000, topics: 1, batch: 1, rounds: 25, limit: 'one', reach: 1.1 },
    { what: '10,000 clients over 100 topics, one event of each', clients: 10000, topics: 100, batch: 1, rounds: 25, limit: 'one' },
    { what: '1,000 clients over 100 topics, one event of each', clients: 1000, topics: 100, batch: 1, rounds: 200, limit: 'one' },
    { what: '1,000 clients, 8 waiting', clients: 1000, topics: 1, batch: 8, rounds: 100, limit: 'join' },
    { what: '10,000 clients, 8 waiting', clients: 10000, topics: 1, batch: 8, rounds: 20, limit: 'join', reach: 1.1 },
    { what: '10,000 clients, bursts of 16', clients: 10000, topics: 1, batch: 16, rounds: 20, limit: 'join', reach: 1.1 },
];
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
    async rowcast() {
        const settings = { WS_PORT: '0', WS_HOST: '127.0.0.1', ROWCAST_ADMIN: 'off', ROWCAST_WORKERS: '1', ROWCAST_HEARTBEAT: 'off' };
        const env = environment({ ...settings, ROWCAST_SCRIPTS: path.join(ROOT, 'scripts') });
        const tool = new Tool(BINARY, ['--source', '-'], { env, stdio: ['pipe', 'ignore', 'pipe'], from: 2 });
        tool.port = JSON.parse(await tool.line()).port;
        return { tool, port: tool.port, greetings: 2 };
    },
    async ws(size) {
        const tool = new Tool('node', [path.join(__dirname, 'ws_server.js'), `${size}`], { stdio: ['pipe', 'pipe', 'inherit'] });
        return { tool, port: await tool.line(), greetings: 1 };
    },
    one: (size) => raw('one', size),
    join: (size) => raw('join', size),
};

async function raw(mode, size) {
    const tool = new Tool(path.join(TOOLS, 'raw'), [mode, `${size}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    return { tool, port: await tool.line(), greetings: 1 };
}

// A server with its crowd of clients.
class Subject {
    static async start(name, { clients, topics }, size) {
        const subject = new Subject();
        subject.loads = [];
        Object.assign(subject, await servers[name](size));
        await subject.join({ clients, topics });
        return subject;
    }

    async join({ clients, topics }) {
        const args = [this.port, clients, topics, this.greetings].map(String);
        this.load = new Tool(path.join(TOOLS, 'load'), args, { stdio: ['pipe', 'pipe', 'inherit', this.tool.child.stdin] });
        this.loads.push(this.load);
        await this.load.line();
    }

    // CPU seconds a million deliveries: of the whole server and of its busiest thread beside the first; how busy the
    // clients were; and the size of a frame.
    async measure(rounds, batch) {
        const before = this.tool.cpu();
        this.load.child.stdin.write(`${rounds} ${batch}\n`);
        const [deliveries, seconds, own, size] = (await this.load.line()).split(' ').map(Number);
        const took = [...this.tool.cpu()].map(([task, time]) => [Number(task), time - (before.get(task) ?? 0)]);
        const all = took.reduce((sum, [, time]) => sum + time, 0);
        const others = took.filter(([task]) => task !== this.tool.child.pid).map(([, time]) => time);
        const million = (time) => (time * 1e6) / deliveries;
        return { all: million(all), worker: million(Math.max(0, ...others)), rate: deliveries / seconds, busy: own / seconds, size };
    }

    async stop() {
        for (const load of this.loads) await load.stop('SIGKILL');
        await this.tool.stop('SIGKILL');
    }
}

// All servers with their clients at once, measured by turns.
async function compare(scenario, pairs, { say, spread }) {
    const names = ['rowcast', scenario.limit, 'ws'];
    const subjects = {};
    const results = Object.fromEntries(names.map((name) => [name, []]));
    try {
        let size;
        for (const name of names) {
            subjects[name] = await Subject.start(name, scenario, size);
            ({ size } = await subjects[name].measure(2, scenario.batch));
        }
        for (let pair = 0; pair < pairs; pair++)
            for (const name of pair % 2 === 0 ? names : [...names].reverse())
                results[name].push(await subjects[name].measure(scenario.rounds, scenario.batch));
        const ratio = (name, part = 'all') => spread(results[name].map((result, pair) => result[part] / results[scenario.limit][pair].all));
        const figures = (name, part) => spread(results[name].map((result) => result[part]));
        say(`fanout: ${scenario.what}; frames of ${size} bytes, ${pairs} pairs, min / median / max`);
        const reach = scenario.reach ? `   (reach: ${scenario.reach})` : '';
        say(`  CPU beside raw ${scenario.limit.padEnd(4)}: rowcast     ${ratio('rowcast')}${reach}`);
        say(`                   its worker     ${ratio('rowcast', 'worker')}`);
        say(`                   ws             ${ratio('ws')}`);
        say(`  CPU s a million: rowcast        ${figures('rowcast', 'all')}`);
        say(`                   raw            ${figures(scenario.limit, 'all')}`);
        say(`  deliveries a second: rowcast    ${figures('rowcast', 'rate')}`);
        say(`                   raw            ${figures(scenario.limit, 'rate')}`);
        const busy = Math.max(...results.rowcast.map((result) => result.busy));
        if (busy > 0.9) say(`  the clients were the bottleneck: busy for ${(busy * 100).toFixed(0)} % of the time`);
    } finally {
        for (const subject of Object.values(subjects)) await subject.stop();
    }
}

async function fanout(pairs, tools) {
    for (const scenario of SCENARIOS) await compare(scenario, pairs, tools);
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

module.exports = { fanout, idle };

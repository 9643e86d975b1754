// SPDX-License-Identifier: MIT
// The real binary: started on a free port, watched by its log, told what to do by signals, and expected to end well.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { until, inTime, matches, patternText, atEnd } = require('./expect.js');
const { Client } = require('./client.js');
const { Raw } = require('./raw.js');

const ROOT = path.join(__dirname, '..', '..', '..');
const BINARY = path.resolve(process.env.ROWCAST_BIN || path.join(ROOT, 'build', 'rowcast'));
const SCRIPTS = path.join(ROOT, 'scripts');

// Nothing of the caller's settings reaches the binary but what a test gives it.
function environment(extra) {
    const names = /^(ROWCAST_|WS_|PG|DATABASE_URL$|REDIS_URL$|LOG_LEVEL$|NODE_ENV$|NODE_OPTIONS$|TZ$)/;
    const kept = Object.entries(process.env).filter(([name]) => !names.test(name));
    return { ...Object.fromEntries(kept), ...extra };
}

// Starts it so that it ends with this process, however this one ends.
function spawnBinary(args, env, stdio, binary = BINARY) {
    const options = { cwd: ROOT, env: environment(env), stdio };
    return spawn('setpriv', ['--pdeathsig', 'KILL', '--', binary, ...args], options);
}

// A folder of its own for a test.
function folder(owner) {
    const name = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-test.'));
    atEnd(owner, () => fs.rmSync(name, { recursive: true, force: true }));
    return name;
}

// A script folder: a copy of the shipped one, or nothing but what is given. `files`: { 'tables/trades.lua': text }.
function scriptFolder(owner, { files = {}, shipped = false } = {}) {
    const name = path.join(folder(owner), 'scripts');
    fs.mkdirSync(name);
    if (shipped) fs.cpSync(SCRIPTS, name, { recursive: true });
    writeFiles(name, files);
    return name;
}

function writeFiles(name, files) {
    for (const [file, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(name, file)), { recursive: true });
        fs.writeFileSync(path.join(name, file), text);
    }
}

// Runs a command to its end: { code, stdout, stderr }.
async function run(args, { env = {}, input = '' } = {}) {
    const child = spawnBinary(args, { ROWCAST_ADMIN: 'off', ...env }, 'pipe');
    const result = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => (result[stream] += text));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const ended = new Promise((resolve) => {
        child.on('close', (code, signal) => resolve(code ?? signal));
    });
    const what = `the end of rowcast ${args.join(' ')}`;
    result.code = await inTime(what, ended, () => JSON.stringify(result)).finally(() => child.kill('SIGKILL'));
    return result;
}

class Rowcast {
    // Serves, and waits until it listens. `source`: a file of recorded rows (default: what is fed), or `database`: a Database.
    // `binary`: a program that becomes it.
    static async serve(owner, { args = [], env = {}, source, database, scripts = SCRIPTS, binary } = {}) {
        const from = database ? [] : ['--source', source ?? '-'];
        const settings = {
            WS_PORT: '0',
            WS_HOST: '127.0.0.1',
            ROWCAST_ADMIN: '127.0.0.1:0',
            ROWCAST_SCRIPTS: scripts,
            ...(database?.settings ?? {}),
            ...env,
        };
        const rowcast = new Rowcast([...from, ...args], settings, binary);
        rowcast.owner = owner;
        atEnd(owner, () => rowcast.stop());
        const first = await until(
            'the first log line',
            () => rowcast.log[0] ?? rowcast.exit,
            () => rowcast.story,
        );
        assert.ok(first.event, `rowcast ended\n${rowcast.story}`);
        rowcast.port = first.port;
        rowcast.adminPort = first.admin_port;
        rowcast.url = `ws://127.0.0.1:${first.port}`;
        return rowcast;
    }

    constructor(args, env, binary) {
        this.log = []; // its lines, parsed
        this.strays = []; // lines that are no log lines: a sanitizer's, a library's
        this.guests = []; // connections to end before it
        this.exit = undefined; // { code, signal }
        this.child = spawnBinary(args, env, ['pipe', 'inherit', 'pipe'], binary);
        this.child.stdin.on('error', () => {});
        let rest = '';
        this.child.stderr.setEncoding('utf8').on('data', (text) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop();
            for (const line of lines) this.take(line);
        });
        this.child.on('close', (code, signal) => {
            if (rest) this.take(rest);
            this.exit = { code, signal };
        });
    }

    take(line) {
        try {
            this.log.push(JSON.parse(line));
        } catch {
            this.strays.push(line);
        }
    }

    get story() {
        const lines = [...this.log.slice(-20).map((line) => JSON.stringify(line)), ...this.strays.slice(0, 60)];
        const end = this.exit ? `, which ended with ${this.exit.code ?? this.exit.signal}` : '';
        return `the log of rowcast${end}:\n    ${lines.join('\n    ')}`;
    }

    // --- The log ---

    lines(event, pattern = {}) {
        return this.log.filter((line) => line.event === event && matches(line, pattern));
    }

    // The `count`-th line of this event that is like the pattern, as soon as it is there.
    async logged(event, pattern = {}, count = 1) {
        const found = () => this.lines(event, pattern)[count - 1];
        await until(
            `the log line '${event}'`,
            () => found() || this.exit,
            () => this.story,
        );
        assert.ok(found(), `rowcast ended before the log line '${event}'\n${this.story}`);
        return found();
    }

    // --- Talking to it ---

    // A client that has been welcomed.
    async connect(options) {
        const client = await Client.connect(this.url, options);
        this.guests.push(client);
        return client.plain ? client : client.welcome();
    }

    async raw() {
        return this.host(await Raw.connect(this.port));
    }

    // A raw connection that has upgraded and been welcomed.
    async rawClient() {
        return this.host(await (await Raw.upgrade(this.port)).welcome());
    }

    host(raw) {
        this.guests.push(raw);
        return raw;
    }

    // GET: { status, headers, body }.
    get(target, port = this.port) {
        const answer = new Promise((resolve, reject) => {
            const request = http.get({ host: '127.0.0.1', port, path: target, agent: false }, (response) => {
                let body = '';
                response.setEncoding('utf8').on('data', (text) => (body += text));
                response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
            });
            request.on('error', reject);
        });
        return inTime(`GET ${target}`, answer);
    }

    async getJson(target, port = this.port) {
        const answer = await this.get(target, port);
        return { ...answer, json: JSON.parse(answer.body) };
    }

    // On the admin port: what /status says, and the samples of /metrics by series, as it names them.
    async status() {
        return (await this.getJson('/status', this.adminPort)).json;
    }

    async metrics() {
        const { body } = await this.get('/metrics', this.adminPort);
        const samples = body.split('\n').filter((line) => line && !line.startsWith('#'));
        return Object.fromEntries(
            samples.map((line) => {
                const at = line.lastIndexOf(' ');
                return [line.slice(0, at), Number(line.slice(at + 1))];
            }),
        );
    }

    // Waits until /ready is like the pattern { status, json }.
    async ready(pattern = { status: 200 }, port = this.port) {
        let last;
        const asked = async () => {
            last = await this.getJson('/ready', port).catch((error) => ({ error: error.message }));
            return matches(last, pattern);
        };
        await until(`/ready like ${patternText(pattern)}`, asked, () => `${JSON.stringify(last)}\n${this.story}`);
        return last;
    }

    // Waits until /ready is not; why is for the operator to know.
    async unready(pattern) {
        const tells = (checks) => Object.values(checks).some((check) => pattern.test(check));
        await this.ready({ status: 503 });
        return this.ready({ status: 503, json: { status: 'unavailable', checks: tells } }, this.adminPort);
    }

    // --- Recorded rows on its standard input ---

    // Each transaction { time, changes, … } is a line.
    feed(...transactions) {
        this.child.stdin.write(transactions.map((transaction) => `${JSON.stringify(transaction)}\n`).join(''));
    }

    endFeed() {
        this.child.stdin.end();
    }

    // --- The end ---

    signal(name) {
        this.child.kill(name);
    }

    ended() {
        return until(
            'the end of rowcast',
            () => this.exit,
            () => this.story,
        );
    }

    async expectExit(code) {
        const exit = await this.ended();
        assert.equal(exit.code ?? exit.signal, code, this.story);
        assert.deepEqual(this.strays, [], this.story);
    }

    // It ends as asked, with nothing to complain about: no leak, no race, no crash.
    async stop() {
        for (const guest of this.guests) (guest.terminate ?? guest.destroy).call(guest);
        if (!this.exit) this.signal('SIGTERM');
        await this.ended().finally(() => this.signal('SIGKILL'));
        if (!this.expected) await this.expectExit(0);
    }

    // Killed at once, as a crash would.
    async kill() {
        this.expected = true;
        this.signal('SIGKILL');
        await this.ended();
    }
}

const serve = Rowcast.serve;

module.exports = { serve, run, folder, scriptFolder, writeFiles, environment, BINARY, ROOT, SCRIPTS };

// SPDX-License-Identifier: MIT
// Databases of the tests' own: on the server of DATABASE_URL, or on a private server that may be stopped and set up anew.
'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { until, inTime, atEnd } = require('./expect.js');
const { run, ROOT } = require('./rowcast.js');

// --- psql ---

const PSQL = { ...process.env, PGOPTIONS: '', PGCONNECT_TIMEOUT: '10', PGCLIENTENCODING: 'UTF8' };

// Runs SQL with psql: the lines of the last answers, columns divided by `|`. It stops at an error, which rejects.
async function psql(url, sql) {
    const child = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', url], { env: PSQL });
    let [output, complaint] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
    child.stdin.on('error', () => {});
    child.stdin.end(sql);
    const ended = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', resolve);
    });
    const code = await inTime(`psql: ${sql.slice(0, 200)}`, ended, () => complaint).finally(() => child.kill());
    if (code !== 0) throw new Error(`psql: ${complaint.trim()}\n${sql.slice(0, 500)}`);
    return output.split('\n').slice(0, -1);
}

// A psql that stays: transactions that are open while other things happen. One statement at a time.
class Session {
    constructor(url) {
        this.output = '';
        this.child = spawn('psql', ['-XqAt', url], { env: PSQL });
        this.child.stdin.on('error', () => {});
        this.child.stdout.setEncoding('utf8').on('data', (text) => (this.output += text));
        this.child.stderr.setEncoding('utf8').on('data', (text) => (this.output += text));
    }

    async sql(statement) {
        const mark = '--done--';
        this.output = '';
        this.child.stdin.write(`${statement};\n\\echo ${mark} :ERROR\n`);
        const ended = () => /^--done-- (true|false)\n/m.exec(this.output);
        await until(`psql: ${statement.slice(0, 200)}`, ended, () => this.output);
        assert.equal(ended()[1], 'false', `${statement}: ${this.output}`);
        return this.output.split('\n').slice(0, -2);
    }

    close() {
        this.child.stdin.end();
        this.child.kill();
    }
}

// --- Servers ---

const asServer = process.getuid() === 0 ? ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups'] : [];

function bin(program) {
    const root = '/usr/lib/postgresql';
    const versions = fs.readdirSync(root).filter((name) => fs.existsSync(path.join(root, name, 'bin', program)));
    return path.join(root, versions.sort((a, b) => a - b).at(-1), 'bin', program);
}

function freePort() {
    return new Promise((resolve) => {
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// A private server, with data of its own.
class Server {
    // It is removed with its owner, or without one with this process.
    static async start(owner, settings = {}) {
        const server = new Server(await freePort());
        if (owner) atEnd(owner, () => server.remove());
        else process.once('exit', () => fs.rmSync(server.folder, { recursive: true, force: true }));
        server.command('initdb', ['-D', server.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
        await server.start(settings);
        return server;
    }

    constructor(port) {
        this.port = port;
        this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-server.'));
        this.data = path.join(this.folder, 'data');
        this.settings = {};
        if (asServer.length > 0) spawnSync('chown', ['postgres:', this.folder]);
    }

    command(program, args) {
        const { status, stdout, stderr } = spawnSync('setpriv', [...asServer, '--', bin(program), ...args], {
            cwd: this.folder,
            encoding: 'utf8',
        });
        assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
    }

    url(database = 'postgres', user = 'postgres') {
        return `postgresql://${user}@127.0.0.1:${this.port}/${database}`;
    }

    async start(settings = {}) {
        Object.assign(this.settings, settings);
        const all = {
            listen_addresses: '127.0.0.1',
            wal_level: 'logical',
            fsync: 'off',
            max_wal_senders: 20,
            max_replication_slots: 20,
            ...this.settings,
        };
        const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
        const log = fs.openSync(path.join(this.folder, 'log'), 'a');
        this.process = spawn(
            'setpriv',
            [
                ...asServer,
                '--pdeathsig',
                'INT',
                '--',
                bin('postgres'),
                '-D',
                this.data,
                '-k',
                this.folder,
                '-p',
                this.port,
                ...args,
            ],
            {
                cwd: this.folder,
                stdio: ['ignore', log, log],
            },
        );
        fs.closeSync(log);
        this.exited = false;
        this.process.on('exit', () => (this.exited = true));
        const answers = () =>
            this.exited || spawnSync(bin('pg_isready'), ['-q', '-h', '127.0.0.1', '-p', this.port]).status === 0;
        await until('PostgreSQL answers', answers, () => this.log);
        assert.ok(!this.exited, this.log);
    }

    get log() {
        return fs.readFileSync(path.join(this.folder, 'log'), 'utf8').split('\n').slice(-30).join('\n');
    }

    // fast: as an administrator does; immediate: as a crash does.
    async stop(mode = 'fast') {
        if (this.exited) return;
        const signal = mode === 'fast' ? 'SIGINT' : 'SIGQUIT';
        if (asServer.length > 0)
            spawnSync('setpriv', [...asServer, '--', 'kill', '-s', signal.slice(3), String(this.process.pid)]);
        else this.process.kill(signal);
        await until(
            'the end of PostgreSQL',
            () => this.exited,
            () => this.log,
        );
    }

    async remove() {
        await this.stop('immediate').catch(() => this.process.kill('SIGKILL'));
        fs.rmSync(this.folder, { recursive: true, force: true });
    }
}

// The server of DATABASE_URL; without it one of our own for this file.
let shared;
function sharedServer() {
    if (process.env.DATABASE_URL) {
        const url = (database) => Object.assign(new URL(process.env.DATABASE_URL), { pathname: `/${database}` }).href;
        shared ??= Promise.resolve({ url, admin: process.env.DATABASE_URL });
    }
    shared ??= Server.start().then((server) => {
        server.process.unref(); // it ends with this process, and does not keep it
        return server;
    });
    return shared;
}

// --- Databases ---

const SCHEMA = fs.readFileSync(path.join(ROOT, 'examples', 'market', 'schema.sql'), 'utf8');
let count = 0;

class Database {
    // `server`: a Server, else the shared one. `schema`: SQL instead of the demo's. `setup`: `rowcast db setup` is run.
    static async create(owner, { server, schema = SCHEMA, setup = true } = {}) {
        const database = new Database(server ?? (await sharedServer()));
        await psql(database.admin, `create database ${database.name}`);
        atEnd(owner, () => database.drop());
        await database.sql(schema);
        if (setup) await database.setup();
        return database;
    }

    constructor(server) {
        this.server = server;
        this.name = `rowcast_test_${process.pid}_${++count}`;
        this.slot = this.name;
        this.admin = server.admin ?? server.url();
        this.url = server.url(this.name);
        this.sessions = [];
    }

    // What a router needs to find it.
    get settings() {
        return { DATABASE_URL: this.url, ROWCAST_SLOT: this.slot };
    }

    // Runs rowcast db …: { code, stdout, stderr }.
    db(args, env = {}) {
        return run(['db', ...args], { env: { ...this.settings, ...env } });
    }

    async setup(...args) {
        const result = await this.db(['setup', ...args]);
        assert.equal(result.code, 0, `rowcast db setup: ${JSON.stringify(result)}`);
        return result;
    }

    sql(text) {
        return psql(this.url, text);
    }

    // Statements as one transaction.
    commit(...statements) {
        return this.sql(`begin;\n${statements.join(';\n')};\ncommit;\n`);
    }

    session() {
        const session = new Session(this.url);
        this.sessions.push(session);
        return session;
    }

    async drop() {
        for (const session of this.sessions) session.close();
        if (this.server.exited) return;
        await until('the slots are free', async () => {
            const left = await psql(
                this.admin,
                `
                select pg_terminate_backend(active_pid) from pg_replication_slots where database = '${this.name}' and active;
                select slot_name from pg_replication_slots where database = '${this.name}' and active`,
            );
            return left.length === 0;
        });
        await psql(
            this.admin,
            `
            select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '${this.name}';
            drop database ${this.name} with (force)`,
        );
    }
}

module.exports = { Database, Server, psql };

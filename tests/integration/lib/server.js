// SPDX-License-Identifier: MIT
// PostgreSQL servers: the one of DATABASE_URL, and private ones that may be stopped and set up anew.
'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { until, atEnd } = require('./expect.js');
const { psql } = require('./psql.js');

const asServer = process.getuid() === 0 ? ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups'] : [];

// Of the newest version that is installed, or of the one that ROWCAST_TEST_POSTGRES names, whose clients may be missing.
function bin(program) {
    const chosen = process.env.ROWCAST_TEST_POSTGRES && path.join(process.env.ROWCAST_TEST_POSTGRES, 'bin', program);
    if (chosen && fs.existsSync(chosen)) return chosen;
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
        server.initdb();
        await server.start(settings);
        return server;
    }

    // A further one, which has nothing yet and is not started: for a copy of another's data.
    static async empty(owner) {
        const server = new Server(await freePort());
        server.exited = true;
        atEnd(owner, () => server.remove());
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

    initdb() {
        this.command('initdb', ['-D', this.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
    }

    // Its data as they are, slots among them; it must be stopped.
    copyTo(folder) {
        assert.ok(this.exited, 'a copy of a running server is none');
        assert.equal(spawnSync('cp', ['-a', this.data, folder]).status, 0);
    }

    // Its data become those of the copy.
    restore(folder) {
        assert.ok(this.exited, 'a running server is not restored');
        fs.rmSync(this.data, { recursive: true });
        assert.equal(spawnSync('cp', ['-a', folder, this.data]).status, 0);
    }

    // Makes it a standby at its next start, of `primary` if there is one.
    becomeStandby(primary) {
        fs.writeFileSync(path.join(this.data, 'standby.signal'), '');
        if (primary) this.settings.primary_conninfo = `host=127.0.0.1 port=${primary.port} user=postgres`;
    }

    promote() {
        this.command('pg_ctl', ['-D', this.data, '-w', 'promote']);
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

// The major version of that server.
async function serverVersion() {
    const server = await sharedServer();
    const [number] = await psql(server.admin ?? server.url(), 'show server_version_num');
    return Math.floor(Number(number) / 10000);
}

module.exports = { Server, freePort, sharedServer, serverVersion };

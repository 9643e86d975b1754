// SPDX-License-Identifier: MIT
// What a service manager is told: a socket as systemd's is put in its place.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { until, atEnd } = require('./lib/expect.js');
const { serve, run, folder, scriptFolder, writeFiles } = require('./lib/rowcast.js');

// Node has no datagrams of this kind: perl, which every Debian has, prints each one on a line.
const LISTEN = `
    use Socket; $| = 1;
    socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die; print "\\n";
    while (defined recv($s, my $text, 4096, 0)) { $text =~ s/\\n/ /g; print "$text\\n" }`;

class Manager {
    static async start(t) {
        const manager = new Manager();
        manager.socket = path.join(folder(t), 'notify');
        manager.lines = [];
        const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'perl', '-e', LISTEN, manager.socket]);
        atEnd(t, () => child.kill('SIGKILL'));
        let text = '';
        child.stdout.setEncoding('utf8').on('data', (more) => {
            text += more;
            manager.lines = text.split('\n').slice(0, -1).map((line) => line.trim());
        });
        await until('the socket', () => fs.existsSync(manager.socket));
        return manager;
    }

    // Where the first line like the pattern is, behind `from`.
    async told(pattern, from = 0) {
        const found = () => this.lines.findIndex((line, at) => at >= from && pattern.test(line));
        await until(`to be told ${pattern}`, () => found() >= 0, () => this.lines.join('\n'));
        return found();
    }

    count(pattern) {
        return this.lines.filter((line) => pattern.test(line)).length;
    }
}

describe('a service manager', () => {
    it('is told when it serves, how it is, that it reloads and that it ends', async (t) => {
        const manager = await Manager.start(t);
        const scripts = scriptFolder(t, { shipped: true });
        const rowcast = await serve(t, { scripts, env: { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '400000' } });
        const ready = await manager.told(/^READY=1$/);
        await manager.told(/^STATUS=ok; clients: 0$/, ready);
        await rowcast.connect();
        await manager.told(/^STATUS=ok; clients: 1$/, ready);

        rowcast.signal('SIGHUP');
        const reloading = await manager.told(/^RELOADING=1 MONOTONIC_USEC=\d+$/);
        const again = await manager.told(/^READY=1$/, reloading);
        writeFiles(scripts, { 'tables/votes.lua': 'return {' });
        rowcast.signal('SIGHUP');
        const failed = await manager.told(/^STATUS=degraded; clients: 1; .*votes\.lua:1: /, reloading);
        await manager.told(/^READY=1$/, failed);
        assert.ok(failed > again);

        rowcast.signal('SIGTERM');
        await rowcast.expectExit(0);
        const stopping = await manager.told(/^STOPPING=1$/);
        assert.ok(stopping > reloading);
        assert.equal(manager.count(/^STOPPING/), 1);
    });

    // The folder is looked at again after a script that takes its time, so that READY=1 has something to be early for.
    it('is told that it serves again when the new scripts run or are refused, not before', async (t) => {
        const manager = await Manager.start(t);
        const long = (line) => ({ 'tables/a.lua': `for i = 1, 4000000 do end ${line}` });
        const scripts = scriptFolder(t, { files: long('return {}') });
        const rowcast = await serve(t, { scripts, env: { NOTIFY_SOCKET: manager.socket } });
        let from = await manager.told(/^READY=1$/);
        for (const [line, outcome, results] of [
            ['return { insert = function() end }', 'reloaded', ['ok']],
            ['return {', 'reload_failed', ['failed']],
            ['return { insert = function() end }', 'reload_mended', ['mended', 'ok']], // as the change or the signal is first
        ]) {
            writeFiles(scripts, long(line));
            rowcast.signal('SIGHUP');
            from = await manager.told(/^RELOADING=1/, from);
            from = await manager.told(/^READY=1$/, from);
            const { last_reload: last } = (await rowcast.status()).scripts;
            assert.ok(results.includes(last.result), `${outcome}: ${JSON.stringify(last)}`);
        }
        assert.equal(manager.count(/^RELOADING=1/), 3);
        assert.equal(manager.count(/^READY=1$/), 4);
    });

    it('gets signs of life while the brain lives, and none of one that is stuck', async (t) => {
        const manager = await Manager.start(t);
        const rowcast = await serve(t, { env: { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '200000' } });
        const alive = () => manager.count(/^WATCHDOG=1$/);
        await until('signs of life', () => alive() >= 3);
        rowcast.signal('SIGSTOP');
        await until('the stop', () => /^State:\s+T/m.test(fs.readFileSync(`/proc/${rowcast.child.pid}/status`, 'utf8')));
        await new Promise((resolve) => {
            setTimeout(resolve, 100); // what was sent before
        });
        const before = alive();
        await new Promise((resolve) => {
            setTimeout(resolve, 500);
        });
        assert.equal(alive(), before);
        rowcast.signal('SIGCONT');
        await until('more signs of life', () => alive() > before);
    });

    it('is not told that it serves by one that could not start', async (t) => {
        const manager = await Manager.start(t);
        const scripts = scriptFolder(t, { files: { 'tables/a.lua': 'return {' } });
        const { code } = await run(['--source', '-', '--port', '0', '--scripts', scripts], { env: { NOTIFY_SOCKET: manager.socket } });
        assert.equal(code, 78);
        assert.deepEqual(manager.lines.filter(Boolean), []);
    });
});

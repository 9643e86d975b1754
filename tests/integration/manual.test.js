// SPDX-License-Identifier: MIT
// What the program says of itself: every text comes from the tables of commands and settings, and holds.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { run, folder, ROOT } = require('./lib/rowcast.js');

const COMMANDS = ['serve', 'check', 'replay', 'record', 'new', 'db', 'healthcheck', 'explain', 'tail', 'version', 'help'];

async function text(file) {
    const { code, stdout, stderr } = await run(['help', file]);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
}

async function keys() {
    const { stdout } = await run(['--print-config']);
    return [...stdout.matchAll(/^(\w+) +=/gm)].map(([, key]) => key);
}

describe('rowcast help', () => {
    it('gives the pages that lie in the tree', async () => {
        for (const file of ['docs/SETTINGS.md', 'examples/service/rowcast.conf'])
            assert.equal(
                fs.readFileSync(path.join(ROOT, file), 'utf8'),
                await text(path.basename(file)),
                `${file} is old: build/rowcast help ${path.basename(file)} >${file}`,
            );
    });

    it('explains a command as --help does, and knows no other', async () => {
        for (const command of COMMANDS)
            assert.deepEqual(await run(['help', command]), await run([command, '--help']));
        const { code, stderr } = await run(['help', 'rowcast.cnf']);
        assert.equal(code, 2);
        assert.match(stderr, /did you mean 'rowcast\.conf'\?/);
        assert.equal((await run(['help', 'serve', 'check'])).code, 2);
    });

    it('writes manual pages in which every setting is, and which groff takes without a warning', async (t) => {
        for (const [file, sign] of [
            ['rowcast.1', (key) => `--${key.replaceAll('_', '-')}, `],
            ['rowcast.conf.5', (key) => `--${key.replaceAll('_', '-')}\n`],
        ]) {
            const name = path.join(folder(t), file);
            fs.writeFileSync(name, await text(file));
            const options = ['-man', '-Tutf8', '-ww', '-rLL=200n', '-P-cbou', name];
            const { status, stdout, stderr } = spawnSync('groff', options, { encoding: 'utf8' });
            assert.deepEqual([status, stderr], [0, '']);
            for (const key of await keys()) assert.ok(stdout.includes(sign(key)), `${file}: ${key}`);
        }
    });
});

describe('the example of a settings file', () => {
    it('has every setting, and what is commented out in it is taken', async (t) => {
        const file = path.join(folder(t), 'rowcast.conf');
        const example = await text('rowcast.conf');
        fs.writeFileSync(file, example.replace(/^#(?=\w+ = )/gm, ''));
        const { code, stdout, stderr } = await run(['--config', file, '--print-config']);
        assert.deepEqual([code, stderr], [0, '']);
        for (const key of await keys()) {
            const line = fs.readFileSync(file, 'utf8').split('\n').findIndex((one) => one.startsWith(`${key} = `)) + 1;
            assert.match(stdout, new RegExp(`^${key} += .*# (${file}:${line}|ROWCAST_ADMIN)$`, 'm'));
        }
    });

    it('changes nothing as it is', async () => {
        const plain = await run(['--print-config']);
        const file = path.join(ROOT, 'examples/service/rowcast.conf');
        assert.deepEqual(await run(['--print-config', '--config', file]), plain);
    });
});

describe('what --print-config prints', () => {
    it('is a settings file, but for secrets', async (t) => {
        const file = path.join(folder(t), 'rowcast.conf');
        const { stdout } = await run(['--print-config', '--rate', '7/s burst 9', '--failed', '/var/tmp/a#b']);
        fs.writeFileSync(file, stdout);
        const again = await run(['--print-config', '--config', file]);
        assert.match(again.stdout, /^rate += 7\/s burst 9 +# .*rowcast\.conf:\d+$/m);
        assert.match(again.stdout, /^failed += \/var\/tmp\/a#b +# .*rowcast\.conf:\d+$/m);
        fs.writeFileSync(file, (await run(['--print-config', '--database', 'dbname=x'])).stdout);
        const { code, stderr } = await run(['--print-config', '--config', file]);
        assert.equal(code, 78);
        assert.match(stderr, /database \(.*rowcast\.conf:\d+\): \(hidden\) stands for a value/);
    });
});

describe('the completion of bash', () => {
    // What it offers for the last of the words.
    async function offers(t, ...words) {
        const file = path.join(folder(t), 'rowcast.bash');
        fs.writeFileSync(file, await text('rowcast.bash'));
        const script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rowcast; printf "%s\\n" "${COMPREPLY[@]}"';
        const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', file, ...words], { encoding: 'utf8' });
        assert.deepEqual([status, stderr], [0, '']);
        return stdout.split('\n').filter((word) => word !== '');
    }

    it('knows commands, their words, settings and their values', async (t) => {
        assert.deepEqual(await offers(t, 'rowcast', ''), COMMANDS);
        assert.deepEqual(await offers(t, 'rowcast', 're'), ['replay', 'record']);
        assert.deepEqual(await offers(t, 'rowcast', 'db', 's'), ['setup', 'status']);
        assert.deepEqual(await offers(t, 'rowcast', 'record', '--fo'), ['--force']);
        assert.deepEqual(await offers(t, 'rowcast', '--print'), ['--print-config']);
        assert.deepEqual(await offers(t, 'rowcast', 'serve', '--max-q'), ['--max-queue']);
        assert.deepEqual(await offers(t, 'rowcast', '--on-error', ''), ['skip', 'hold']);
        assert.deepEqual(await offers(t, 'rowcast', '--log-level', '=', 'de'), ['debug']);
        assert.deepEqual(await offers(t, 'rowcast', '--port', ''), []);
    });

    it('offers nothing that the command refuses', async (t) => {
        for (const command of ['serve', 'db', 'record', 'explain', 'tail'])
            for (const flag of (await offers(t, 'rowcast', command, '--')).filter((one) => one !== '--help')) {
                const { stderr } = await run([command, flag, 'one', 'two', 'three']);
                assert.match(stderr, /'(one|two|three)' is one argument too many/, `${command} ${flag}`);
            }
    });
});

// SPDX-License-Identifier: MIT
// Packages of npm that tests try themselves against: fetched once, into build/npm/.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { ROOT } = require('./rowcast.js');

// The package's module. It is installed where it is missing; a test that cannot have it fails, and says how to get it.
function npmRequire(name) {
    const prefix = path.join(ROOT, 'build', 'npm', name);
    const module = path.join(prefix, 'node_modules', name);
    try {
        return require(module);
    } catch {
        const args = ['install', '--no-audit', '--no-fund', '--prefix', prefix, name];
        const { status, stderr, error } = spawnSync('npm', args, { encoding: 'utf8', timeout: 120000 });
        const command = `npm ${args.join(' ')}`;
        assert.equal(status, 0, `${name} is missing, and '${command}' did not get it: ${error?.message ?? stderr}`);
        return require(module);
    }
}

module.exports = { npmRequire };

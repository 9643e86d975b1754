// SPDX-License-Identifier: MIT
// SQL by way of psql, which every machine with PostgreSQL has.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { until, inTime } = require('./expect.js');

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

module.exports = { psql, Session };

// SPDX-License-Identifier: MIT
// A psql at work: SQL in, lines out. It is all the database client these examples need.
'use strict';

const { spawn } = require('node:child_process');

const MARK = '\x1f'; // begins the line that ends an answer: its SQLSTATE and message

class Psql {
    constructor(url) {
        this.waiting = []; // one { resolve, reject, lines } for each statement that was sent, oldest first
        this.complaint = '';
        this.input = '';
        this.child = spawn('psql', ['-XqAt', url], { env: { ...process.env, PGCONNECT_TIMEOUT: '5' } });
        this.child.stdin.on('error', () => {}); // it is gone: `close` tells
        this.child.stdout.setEncoding('utf8').on('data', (text) => this.read(text));
        this.child.stderr.setEncoding('utf8').on('data', (text) => (this.complaint = text));
        this.child.on('error', (error) => this.lose(`psql cannot be run: ${error.message}`));
        this.child.on('close', () => this.lose(this.complaint.trim().split('\n')[0] || 'psql ended'));
    }

    // Runs one SQL statement and gives the lines of its answer, columns divided by `|`. An error has `code`, its SQLSTATE,
    // or is `lost`: then the database is gone, and so is this psql.
    ask(sql) {
        return new Promise((resolve, reject) => {
            if (this.lost) reject(this.lost);
            this.waiting.push({ resolve, reject, lines: [] });
            this.child.stdin.write(`${sql};\n\\echo ${MARK}:SQLSTATE :LAST_ERROR_MESSAGE\n`);
        });
    }

    close() {
        this.child.stdin.end();
    }

    read(text) {
        const lines = (this.input + text).split('\n');
        this.input = lines.pop();
        for (const line of lines) {
            if (!line.startsWith(MARK)) {
                this.waiting[0].lines.push(line);
                continue;
            }
            const { resolve, reject, lines } = this.waiting.shift();
            const code = line.slice(1, 6);
            if (code === '00000') resolve(lines);
            else reject(Object.assign(new Error(line.slice(7)), { code }));
        }
    }

    lose(sentence) {
        this.lost ??= Object.assign(new Error(sentence), { lost: true });
        for (const { reject } of this.waiting.splice(0)) reject(this.lost);
    }
}

// A value as it stands in SQL.
function quote(value) {
    return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

module.exports = { Psql, quote };

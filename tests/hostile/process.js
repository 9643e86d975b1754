// SPDX-License-Identifier: MIT
// What a process holds, as the kernel tells.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

const TICKS = 100; // a second, in /proc/PID/stat

const memory = (pid, what) => 1024 * Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

const resident = (pid) => memory(pid, 'VmRSS'); // bytes
const virtual = (pid) => memory(pid, 'VmSize');
const descriptors = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

// Seconds that its threads have computed.
function computed(pid) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

// Sockets of the port whose peer has closed and that are still there.
function waitingForClose(port) {
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const lines = ['tcp', 'tcp6'].flatMap((name) => fs.readFileSync(`/proc/net/${name}`, 'utf8').split('\n'));
    return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[1]?.endsWith(local) && fields[3] === '08').length;
}

// Sanitizers keep freed memory, so that sizes say nothing.
const sanitized = (pid) => /lib[at]san/.test(fs.readFileSync(`/proc/${pid}/maps`, 'utf8'));

function limitDescriptors(pid, count) {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`]);
}

module.exports = { resident, virtual, descriptors, computed, waitingForClose, sanitized, limitDescriptors };

// SPDX-License-Identifier: MIT
// What the router takes, second by second: as a table, as a picture, and whether it stays flat.
'use strict';

const fs = require('node:fs');
const { svg, median } = require('../bench/report.js');

const POINTS = 600; // of a line in the picture
const MIB = 1048576;
// `grow`: what the median of the last quarter may be above a tenth more than that of the second; undefined: it comes and goes.
const COLUMNS = {
    clients: { of: 'rowcast_connections', unit: 1 },
    rss: { unit: MIB, grow: 4 * MIB },
    descriptors: { unit: 1, grow: 20 },
    queue: { of: 'rowcast_send_queue_bytes', unit: MIB },
    history: { of: 'rowcast_history_bytes', unit: MIB, grow: MIB },
    lag: { of: 'rowcast_replication_lag_bytes', unit: MIB },
    lua: { of: 'rowcast_lua_memory_bytes', unit: MIB, grow: MIB },
};
const NAMES = Object.keys(COLUMNS);

// No more points than a picture shows: of each few rows the one with the most.
function peaks(rows, name) {
    const few = Math.ceil(rows.length / POINTS);
    const starts = rows.filter((_, i) => i % few === 0).map((_, i) => i * few);
    return starts.map((from) => rows.slice(from, from + few).reduce((a, b) => (b[name] > a[name] ? b : a)));
}

class Record {
    constructor(rowcast) {
        this.rowcast = rowcast;
        this.began = Date.now();
        this.rows = []; // { second, clients, ... }; what is not known is undefined
        this.marks = []; // seconds
        this.missed = []; // looks that failed
    }

    get second() {
        return (Date.now() - this.began) / 1000;
    }

    mark() {
        this.marks.push(this.second);
    }

    // What it takes now.
    async look() {
        const { rowcast } = this;
        const proc = `/proc/${rowcast.child.pid}`;
        const metrics = (this.metrics = await rowcast.metrics());
        const row = { second: this.second };
        for (const name of NAMES) row[name] = metrics[COLUMNS[name].of];
        row.rss = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`${proc}/status`, 'utf8'))[1]) * 1024;
        row.descriptors = fs.readdirSync(`${proc}/fd`).length;
        return row;
    }

    // Each second from now on, until stop().
    start() {
        this.timer = setInterval(() => this.note().catch((error) => this.missed.push(`second ${this.second}: ${error.message}`)), 1000);
    }

    async note() {
        const row = await this.look();
        if (this.timer) this.rows.push(row);
    }

    stop() {
        clearInterval(this.timer);
        this.timer = undefined;
    }

    values(name, from = 0, to = 1) {
        const part = this.rows.slice(Math.floor(this.rows.length * from), Math.floor(this.rows.length * to));
        return part.map((row) => row[name]).filter((value) => value !== undefined);
    }

    // What has grown, and by how much.
    growth() {
        const grown = NAMES.filter((name) => COLUMNS[name].grow !== undefined).flatMap((name) => {
            const [early, late] = this.quarters(name);
            if (late <= early * 1.1 + COLUMNS[name].grow) return [];
            return [`${name}: ${early} in the second quarter of the time, ${late} in the last`];
        });
        return [...this.missed, ...grown];
    }

    // The medians of the second quarter and of the last.
    quarters(name) {
        return [median(this.values(name, 0.25, 0.5)), median(this.values(name, 0.75, 1))];
    }

    get story() {
        const figure = (name, value) => (value / COLUMNS[name].unit).toFixed(COLUMNS[name].unit === 1 ? 0 : 1);
        const unit = (name) => (COLUMNS[name].unit === MIB ? ' MiB' : '');
        return NAMES.map((name) => {
            const [early, late] = this.quarters(name).map((value) => figure(name, value));
            return `${name} ${early} -> ${late}, at most ${figure(name, Math.max(...this.values(name)))}${unit(name)}`;
        });
    }

    csv() {
        const lines = this.rows.map((row) => [row.second.toFixed(1), ...NAMES.map((name) => row[name] ?? '')].join(','));
        return `${['second', ...NAMES].join(',')}\n${lines.join('\n')}\n`;
    }

    // A strip for each column, from 0 to its most; a line down for each mark.
    picture(title) {
        const [left, width, height, gap] = [60, 740, 60, 34];
        const end = this.rows.at(-1).second;
        const bottom = 40 + NAMES.length * (height + gap);
        const x = (second) => (left + (second / end) * width).toFixed(1);
        const parts = this.marks.map((second) => `<path d="M${x(second)} 50V${bottom}" stroke="#fca5a5"/>`);
        for (const [i, name] of NAMES.entries()) {
            const base = 40 + (i + 1) * (height + gap);
            const most = Math.max(...this.values(name), 1);
            const known = peaks(this.rows.filter((row) => row[name] !== undefined), name);
            const points = known.map((row) => `${x(row.second)},${(base - (row[name] / most) * height).toFixed(1)}`);
            parts.push(`<path d="M${left} ${base}h${width}" stroke="#d1d5db"/>`);
            parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="#2563eb"/>`);
            parts.push(`<text x="${left}" y="${base - height - 6}">${this.story[i]}</text>`);
        }
        parts.push(`<text x="${left + width}" y="${bottom + 18}" text-anchor="end">${end.toFixed(0)} s</text>`);
        const legend = '0; lines down: restarts of the database; a -> b: medians of the second and the last quarter';
        parts.push(`<text x="${left}" y="${bottom + 18}">${legend}</text>`);
        return svg(title, bottom + 30, parts).replaceAll('->', '→');
    }
}

module.exports = { Record };

// SPDX-License-Identifier: MIT
// What the fan-out's measurement has found, as a table and as a picture.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const DOCS = path.join(__dirname, '..', '..', 'docs');
const [BEGIN, END] = ['<!-- measured: begin -->', '<!-- measured: end -->'];
const COLORS = { rowcast: '#2563eb', nchan: '#d97706', ws: '#6b7280' };

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// Rows of { what, server, pairs, cpu, rate, p50, p99, memory }: lists of ratios to the bare sends of the same pair.
function table(rows, spread) {
    const cell = (list) => (list === undefined ? '' : spread(list));
    const head = '| clients and events | server | CPU a delivery | deliveries a second | p50 | p99 | RSS a client |';
    const lines = rows.map(({ what, server, cpu, rate, p50, p99, memory }) => {
        const figures = [cpu, rate, p50, p99].map(cell).join(' | ');
        return `| ${what} | ${server} | ${figures} | ${memory === undefined ? '' : memory.toFixed(0)} |`;
    });
    return [head, '| --- | --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

// Bars of the medians, the bare sends are the line at 1. What is longer than the picture is cut, its figure is not.
function picture(rows) {
    const [left, bar, width, most] = [330, 16, 420, 5];
    const scale = (value) => (Math.min(value, most) / most) * width;
    const parts = [];
    let [y, before] = [50, undefined];
    for (const { what, server, cpu } of rows) {
        if (what !== before) {
            y += 12;
            parts.push(`<text x="${left - 80}" y="${y + 12}" text-anchor="end">${what}</text>`);
        }
        before = what;
        const value = median(cpu);
        parts.push(`<text x="${left - 8}" y="${y + 12}" text-anchor="end">${server}</text>`);
        parts.push(`<rect x="${left}" y="${y}" width="${scale(value).toFixed(1)}" height="${bar - 3}" fill="${COLORS[server]}"/>`);
        parts.push(`<text x="${(left + scale(value) + 6).toFixed(1)}" y="${y + 12}">${value.toFixed(2)}</text>`);
        y += bar;
    }
    const one = left + scale(1);
    parts.push(`<line x1="${one}" y1="48" x2="${one}" y2="${y + 6}" stroke="#dc2626" stroke-dasharray="4 3"/>`);
    return svg('CPU for one delivery, beside a server that does nothing but send (1)', y + 20, parts);
}

// A picture with a title over its parts.
function svg(title, height, parts) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 ${height}" font-family="sans-serif" font-size="12">
<rect width="820" height="${height}" fill="white"/>
<text x="20" y="24" font-size="15">${title}</text>
${parts.join('\n')}
</svg>
`;
}

// Puts both into docs/.
function write(rows, circumstances, spread) {
    const file = path.join(DOCS, 'PERFORMANCE.md');
    const text = fs.readFileSync(file, 'utf8');
    const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
    if (begin < 0 || end < begin) throw new Error(`${file} has no lines '${BEGIN}' and '${END}' between which the table goes`);
    const measured = `${BEGIN}\n\n${circumstances}\n\n${table(rows, spread)}\n\n![CPU for one delivery](fanout.svg)\n\n`;
    fs.writeFileSync(path.join(DOCS, 'fanout.svg'), picture(rows.filter(({ cpu }) => cpu !== undefined)));
    fs.writeFileSync(file, text.slice(0, begin) + measured + text.slice(end));
}

module.exports = { table, write, svg, median };

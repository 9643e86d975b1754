// SPDX-License-Identifier: MIT
// What examples/monitoring asks Prometheus for is what the router tells.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { ROOT } = require('./lib/rowcast.js');
const { Database, start } = require('./lib/database.js');
const { until } = require('./lib/expect.js');

const FOLDER = path.join(ROOT, 'examples', 'monitoring');
const read = (name) => fs.readFileSync(path.join(FOLDER, name), 'utf8');

// The metrics that an expression names.
function names(expression) {
    const found = expression.matchAll(/\b((?:rowcast|process)_[a-z_]+)/g);
    return [...found].map(([, name]) => name.replace(/_(bucket|sum|count)$/, ''));
}

// By line: an expression stands behind `expr:`, or indented below `expr: >`.
function alerts(text) {
    return text.split(/^ *- alert: /m).slice(1).map((block) => {
        const [, folded, line] = /^ *expr: (?:(>)\n((?: {10,}.*\n)+))?/m.exec(block);
        const expression = folded ? line : /^ *expr: (.+)$/m.exec(block)[1];
        return { name: block.split('\n', 1)[0], expression, block };
    });
}

function panels(dashboard) {
    return dashboard.panels.filter(({ type }) => type !== 'row');
}

describe('examples/monitoring', () => {
    it('asks for metrics that there are', async (t) => {
        const { rowcast } = await start(t, await Database.create(t), ['a']);
        await until('the slot was looked at', async () => 'rowcast_slot_retained_bytes' in (await rowcast.metrics()));
        await until('the descriptors are counted', async () => 'process_open_fds' in (await rowcast.metrics()));
        const { body } = await rowcast.get('/metrics', rowcast.adminPort);
        const known = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
        const asked = [
            ...alerts(read('rowcast.rules.yml')).map(({ name, expression }) => [name, expression]),
            ...panels(JSON.parse(read('dashboard.json'))).flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr])),
        ];
        for (const [title, expression] of asked)
            for (const name of names(expression)) assert.ok(known.has(name), `${title}: there is no ${name}`);
        // The router's own, all of them, can be seen: what is measured has a panel.
        const shown = new Set(asked.flatMap(([, expression]) => names(expression)));
        for (const name of known)
            if (name.startsWith('rowcast_') && !['rowcast_build_info', 'rowcast_transactions_total'].includes(name))
                assert.ok(shown.has(name), `${name} is in no panel and no alert`);
    });

    it('has alerts that say what is wrong and what to do', () => {
        const all = alerts(read('rowcast.rules.yml'));
        assert.ok(all.length >= 10);
        for (const { name, block } of all)
            for (const part of ['severity: ', 'summary: ', 'description: ']) assert.ok(block.includes(part), `${name} has no ${part}`);
        const text = fs.readFileSync(path.join(ROOT, 'docs', 'OPERATIONS.md'), 'utf8');
        for (const { name } of all) assert.ok(text.includes(`\`${name}\``), `${name} is not in docs/OPERATIONS.md`);
    });

    it('has panels that do not overlap', () => {
        const taken = new Map();
        for (const { title, gridPos } of JSON.parse(read('dashboard.json')).panels)
            for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
                for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
                    assert.ok(x < 24 && !taken.has(`${x} ${y}`), `${title} lies on ${taken.get(`${x} ${y}`)}`);
                    taken.set(`${x} ${y}`, title);
                }
    });
});

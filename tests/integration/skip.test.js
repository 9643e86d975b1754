// SPDX-License-Identifier: MIT
// A script that cannot be stopped ends the router, once: the next start passes its row by.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { serve, folder, scriptFolder, writeFiles } = require('./lib/rowcast.js');
const { transaction, trade } = require('./lib/rows.js');

// Sorting is one call that nothing looks into; the limit is set to where it takes longer.
const SLOW = `local list = {}
for i = 1, 1e5 do list[i] = (i * 7919) % 100003 end
local function copy() local t = {} for i = 1, 1e5 do t[i] = list[i] end return t end
local ready = copy()
return { insert = function(new)
    if new.cost == "2" then table.sort(ready) end
    return { type = "trade", topic = new.market_id, market_id = new.market_id, data = { cost = new.cost } }
end }
`;

describe('a script that cannot be stopped', () => {
    it('ends the router once, and its row is passed by until the scripts change', async (t) => {
        const own = folder(t);
        const [rows, skip, failed] = ['rows.jsonl', 'skip', 'failed.jsonl'].map((name) => path.join(own, name));
        fs.writeFileSync(rows, [1, 2, 3].map((cost) => `${JSON.stringify(transaction(cost, trade('a', cost)))}\n`).join(''));
        const scripts = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': SLOW } });
        const env = { ROWCAST_SKIP: skip, ROWCAST_FAILED: failed };

        const first = await serve(t, { scripts, source: rows, env: { ...env, ROWCAST_SCRIPT_TIMEOUT: '20ms' } });
        first.expected = true;
        await first.expectExit(70);
        const [line, ...more] = first.lines('script_unstoppable');
        assert.equal(more.length, 0);
        assert.match(line.script, /tables\/trades\.lua$/);
        assert.deepEqual([line.table, line.lsn, line.change], ['trades', '0/2', 0]);
        assert.match(fs.readFileSync(skip, 'utf8'), /^[0-9a-f]{16} \S+ 0\/2 \S+tables\/trades\.lua trades\n$/);

        // Time enough, so that it is the file that counts.
        const second = await serve(t, { scripts, source: rows, env });
        await second.logged('row_script_failed', { lsn: '0/2', message: /trades\.lua:5: passed by/ });
        await second.logged('source_ended');
        const metrics = await second.metrics();
        assert.equal(metrics.rowcast_failed_rows_total, 1);
        assert.equal(metrics['rowcast_events_total{type="trade"}'], 2);
        assert.match(fs.readFileSync(failed, 'utf8'), /passed by/);
        await second.stop();

        writeFiles(scripts, { 'tables/trades.lua': `${SLOW}-- mended\n` });
        const third = await serve(t, { scripts, source: rows, env });
        await third.logged('source_ended');
        assert.equal((await third.metrics())['rowcast_events_total{type="trade"}'], 3);
    });
});

// SPDX-License-Identifier: MIT
// What a reload costs: the time to load 50 scripts, the longest silence of a steady stream around the swap, beside the
// longest one in windows without a reload, and the memory of the VM.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { serve, scriptFolder } = require('../integration/lib/rowcast.js');
const { Database } = require('../integration/lib/database.js');
const { Server } = require('../integration/lib/server.js');

const SCRIPTS = 50;
const RELOADS = 20;
const WINDOW = 400; // milliseconds: from the change to well behind the swap

const WRITER = `do $$ begin for n in 1..1000000 loop
    insert into trades (market_id, user_wallet, trade_type, outcome, shares, cost) values ('a', 'w', 'buy', true, 1, n);
    commit; perform pg_sleep(0.0005);
end loop; end $$`;

const sorted = (list) => [...list].sort((a, b) => a - b);
const told = (list) => `${sorted(list)[list.length >> 1].toFixed(2)} median, ${Math.max(...list).toFixed(2)} at most`;

// Of the arrivals within a window, the longest time between two.
function longestGap(arrivals, from) {
    const times = arrivals.filter((time) => time >= from && time <= from + WINDOW);
    return Math.max(...times.slice(1).map((time, i) => time - times[i]));
}

function fifty(owner) {
    const scripts = scriptFolder(owner, { shipped: true });
    const tables = path.join(scripts, 'tables');
    const shipped = fs.readdirSync(tables).map((name) => fs.readFileSync(path.join(tables, name)));
    for (let i = shipped.length; i < SCRIPTS; i++) fs.writeFileSync(path.join(tables, `table_${i}.lua`), shipped[i % shipped.length]);
    return scripts;
}

async function reload(owner, { say }) {
    const scripts = fifty(owner);
    const database = await Database.create(owner, { server: await Server.start(owner) });
    const rowcast = await serve(owner, { database, scripts });
    await rowcast.logged('source_started');
    const client = await rowcast.connect({ plain: true });
    client.send('{"action":"subscribe","market_id":"a"}');
    const arrivals = [];
    client.socket.removeAllListeners('message').on('message', () => arrivals.push(performance.now()));
    const writer = spawn('psql', ['-Xq', '-c', WRITER, database.url], { stdio: 'ignore' });
    owner.after(() => writer.kill());
    await sleep(1000);

    const [around, without] = [[], []];
    for (let i = 0; i < RELOADS; i++) {
        without.push(performance.now());
        await sleep(WINDOW + 50);
        around.push(performance.now());
        spawn('sh', ['-c', `echo '-- ${i}' >>lib/lmsr.lua`], { cwd: scripts });
        await sleep(WINDOW + 50);
    }
    writer.kill();
    const reloads = rowcast.lines('reloaded');
    if (reloads.length !== RELOADS) throw new Error(`${reloads.length} reloads instead of ${RELOADS}\n${rowcast.story}`);
    const { scripts: state } = await rowcast.status();
    const rate = (arrivals.length * 1000) / (arrivals.at(-1) - arrivals[0]);
    say(`reload: ${SCRIPTS} scripts, ${RELOADS} times, under ${rate.toFixed(0)} transactions a second`);
    say(`  reading and loading, ms          ${told(reloads.map(({ took_us: took }) => took / 1000))}`);
    say(`  the loop stood still for, ms     ${told(reloads.map(({ paused_us: paused }) => paused / 1000))}`);
    say(`  longest silence around it, ms    ${told(around.map((from) => longestGap(arrivals, from)))}`);
    say(`  longest silence without, ms      ${told(without.map((from) => longestGap(arrivals, from)))}`);
    say(`  memory of the VM, KiB            ${(state.lua_memory_bytes / 1024).toFixed(0)}`);
    client.terminate();
}

module.exports = { reload };

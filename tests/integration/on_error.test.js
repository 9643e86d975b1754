// SPDX-License-Identifier: MIT
// A script that breaks on one row in a thousand, and what on_error makes of it.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('./lib/expect.js');
const { serve, run, folder, scriptFolder, writeFiles } = require('./lib/rowcast.js');
const { Database, start, tradeOf, tradesOf } = require('./lib/database.js');
const { Server } = require('./lib/server.js');
const { costs, range, trade, transaction } = require('./lib/rows.js');

const PATIENT = { ROWCAST_MAX_QUEUE: '64MiB' };

// Breaks where `condition` is true for `cost`.
const script = (condition) => `
return {
    insert = function(new)
        local cost = tonumber(new.cost)
        if ${condition} then
            error("cost " .. cost)
        end
        return { type = "trade", topic = new.market_id, market_id = new.market_id, data = { cost = new.cost } }
    end,
}
`;
const RARELY = 'cost % 1000 == 500';
const breaking = (condition) => ({ 'tables/trades.lua': script(condition) });
const MENDED = breaking('false');

const broken = (t, condition = RARELY) => scriptFolder(t, { shipped: true, files: breaking(condition) });

async function reload(rowcast, scripts, files) {
    const before = rowcast.lines('reloaded').length;
    writeFiles(scripts, files);
    rowcast.signal('SIGHUP');
    await rowcast.logged('reloaded', {}, before + 1);
}

// Each in a transaction of its own.
const single = (database, first, last) =>
    database.sql(range(first, last - first + 1).map((cost) => tradeOf('a', cost)).join(';\n') + ';');

const without = (list, ...left) => list.filter((number) => !left.includes(number));

function linesOf(file) {
    return fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

describe('on_error = skip', () => {
    it('goes on without the row, which is kept', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t);
        const file = path.join(folder(t), 'failed.jsonl');
        const env = { ...PATIENT, ROWCAST_FAILED: file };
        const first = await start(t, database, ['a'], { scripts, env });
        await single(database, 1, 2600);
        await database.commit(tradeOf('a', 2601), tradeOf('a', 3500), tradeOf('a', 3501));
        const expected = [...without(range(1, 2601), 500, 1500, 2500), 3501];
        const events = await first.client.events(expected.length);
        assert.deepEqual(costs(events), expected);
        assert.equal((await first.rowcast.ready()).json.status, 'ok');

        const lines = linesOf(file).map((line) => JSON.parse(line));
        assert.deepEqual(
            lines.map((line) => line.changes.map((change) => Number(change.new.cost))),
            [[500], [1500], [2500], [2601, 3500, 3501]],
            'each transaction whole, once',
        );
        assert.deepEqual(
            lines.map((line) => line.failed.map(({ change }) => change)),
            [[0], [0], [0], [1]],
        );
        assert.match(lines[0].failed[0].message, /trades\.lua:6: cost 500$/);
        assert.equal(fs.statSync(file).mode & 0o777, 0o600);

        const again = await run(['replay', file, '--scripts', scripts]);
        assert.equal(again.code, 1);
        assert.match(again.stderr, /cost 500\n[^]*cost 1500\n[^]*cost 2500\n[^]*cost 3500\n/);
        await first.rowcast.kill();

        // The slot brings the same rows again; the file has them already.
        const second = await start(t, database, ['a'], { scripts, env });
        assert.equal((await second.client.subscribe('a', { since: events[0].id })).recovered, true);
        assert.deepEqual(costs(await second.client.events(expected.length - 1)), expected.slice(1));
        await second.rowcast.logged('row_script_failed', { traceback: /cost 500/ });
        assert.equal(linesOf(file).length, 4);

        // A transaction behind them is added.
        await database.sql(tradeOf('a', 9500));
        await until('the fifth line', () => linesOf(file).length === 5);
        writeFiles(scripts, MENDED);
        const mended = await run(['replay', file, '--scripts', scripts]);
        assert.equal(mended.code, 0, mended.stderr);
        const made = mended.stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
        assert.deepEqual(costs(made), [500, 1500, 2500, 2601, 3500, 3501, 9500]);
    });

    it('says the first rows in full, and counts the others', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t, 'cost >= 0');
        const { rowcast, client } = await start(t, database, ['a'], { scripts });
        await database.sql(tradesOf('a', 1, 5000));
        const { key, table, op, change, script: file } = await rowcast.logged('row_script_failed');
        assert.deepEqual([key, table, op, change], ['id=1', 'public.trades', 'insert', 0]);
        assert.match(file, /tables\/trades\.lua$/);
        await rowcast.logged('rows_script_failed', { level: 'error', count: (count) => count > 0 });
        const told = () =>
            rowcast.lines('row_script_failed').length +
            rowcast.lines('rows_script_failed').reduce((sum, line) => sum + line.count, 0);
        await until('all are told', () => told() === 5000, () => `${told()}\n${rowcast.story}`);
        assert.ok(rowcast.lines('row_script_failed').length < 100);
        await client.expectNothing();
    });

    it('keeps a failing part of a huge transaction with its place in it', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t, 'cost == 10200');
        const file = path.join(folder(t), 'failed.jsonl');
        const env = { ...PATIENT, ROWCAST_FAILED: file };
        const { client } = await start(t, database, ['a'], { scripts, env });
        await database.sql(tradesOf('a', 0, 10300));
        const events = await client.events(10300);
        assert.deepEqual(costs(events), without(range(0, 10301), 10200));
        const [line, ...more] = linesOf(file);
        assert.equal(more.length, 0);
        writeFiles(scripts, MENDED);
        const { stdout, code } = await run(['replay', file, '--scripts', scripts]);
        assert.equal(code, 0);
        const [, , lsn, , , place] = events[10199].id.split('-');
        const all = stdout.trimEnd().split('\n').map((event) => JSON.parse(event));
        const made = all.find(({ data }) => data.cost === '10200').id.split('-');
        assert.deepEqual([made[2], parseInt(made[5], 16)], [lsn, parseInt(place, 16) + 1], line);
    });

    it('needs a file that it can use', async (t) => {
        const own = folder(t);
        const notes = path.join(own, 'notes.txt');
        fs.writeFileSync(notes, 'my notes\n');
        for (const [file, why] of [
            [path.join(own, 'none', 'f.jsonl'), /No such file or directory/],
            [own, /directory/],
            [notes, /not a file of recorded rows/],
            ['/dev/null', /not a regular file/],
        ]) {
            const { code, stderr } = await run(['--source', '/dev/null', '--port', '0', '--failed', file]);
            assert.equal(code, 78, stderr);
            assert.match(stderr, why);
            assert.match(stderr, /ROWCAST_FAILED/);
        }
        assert.equal(fs.readFileSync(notes, 'utf8'), 'my notes\n');
        const { code, stderr } = await run(['--on-error', 'halt']);
        assert.equal(code, 78);
        assert.match(stderr, /on_error = halt.*skip or hold/);
    });

    it('is mended after a crash within a line, and moved away by others', async (t) => {
        const file = path.join(folder(t), 'failed.jsonl');
        const scripts = broken(t, 'cost >= 0');
        const whole = '{"lsn":"0/1","xid":0,"time":"2025-11-09T12:00:00.000Z","failed":[],"changes":[]}\n';
        fs.writeFileSync(file, `${whole}{"lsn":"0/2","xi`);
        const rowcast = await serve(t, { scripts, args: ['--failed', file] });
        rowcast.feed(transaction(5, trade('a', 1)));
        await until('the second line', () => linesOf(file).length === 2);
        assert.ok(fs.readFileSync(file, 'utf8').startsWith(`${whole}{"lsn":"0/1","xid":0,`));
        fs.renameSync(file, `${file}.1`);
        await reload(rowcast, scripts, {});
        rowcast.feed(transaction(6, trade('a', 2)));
        await until('a new file', () => fs.existsSync(file) && linesOf(file).length === 1);
        const other = await run(['--source', '/dev/null', '--port', '0', '--failed', file]);
        assert.equal(other.code, 78);
        assert.match(other.stderr, /another process writes to it/);
    });
});

describe('on_error = hold', () => {
    const env = { ...PATIENT, ROWCAST_ON_ERROR: 'hold' };

    const position = async (database) => {
        const [row] = await database.sql(
            `select confirmed_flush_lsn, active_pid from pg_replication_slots where slot_name = '${database.slot}'`,
        );
        return row;
    };

    it('stands still at the row until a reload mends it, and then goes on as if nothing had been', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t);
        const { rowcast, client } = await start(t, database, ['a'], { scripts, env });
        await single(database, 1, 499);
        await database.commit(tradeOf('a', 10001), tradeOf('a', 500), tradeOf('a', 10002)); // 10001 waits for 500
        await single(database, 501, 2499);
        const first = await client.events(499);
        assert.deepEqual(costs(first), range(1, 499));
        const { json } = await rowcast.unready(/held before LSN .*trades\.lua:6: cost 500\..*kill -HUP/);
        assert.equal(json.checks.source, 'ok');
        const open = (await rowcast.getJson('/ready')).json.checks.delivery;
        assert.match(open, /held/);
        assert.doesNotMatch(open, /cost|trades/, 'what a row contains is not for the public');
        const held = await rowcast.metrics();
        assert.deepEqual([held.rowcast_held, held.rowcast_failed_rows_total], [1, 1]);
        assert.equal(held['rowcast_events_total{type="trade"}'], 499, 'what was dropped does not count');
        assert.match((await rowcast.status()).delivery.state, /cost 500/);
        await client.expectNothing();

        // What was delivered is served, also to who comes now.
        const other = await rowcast.connect();
        assert.equal((await other.subscribe('a', { since: first[99].id })).recovered, true);
        assert.deepEqual(await other.events(399), first.slice(100));
        await other.expectNothing();

        // A reload that does not mend it.
        await reload(rowcast, scripts, breaking('cost == 500 or cost == 1500'));
        const still = await rowcast.logged('stream_held', { message: /^still/ });
        const [begun] = rowcast.lines('stream_held');
        assert.match(still.message, new RegExp(`LSN ${still.lsn} \\(xid ${still.xid}\\)`));
        assert.deepEqual([begun.lsn, begun.xid, begun.id], [still.lsn, still.xid, still.id]);
        assert.ok(begun.id > first.at(-1).id);
        await client.expectNothing();

        // One that mends this row, not the next one.
        await reload(rowcast, scripts, breaking('cost == 1500'));
        const second = await client.events(3 + 999);
        assert.deepEqual(costs(second), [10001, 500, 10002, ...range(501, 999)]);
        await rowcast.unready(/cost 1500/);

        await reload(rowcast, scripts, MENDED);
        const third = await client.events(1000);
        assert.deepEqual(costs(third), range(1500, 1000));
        await rowcast.ready();
        await client.expectNothing();
        assert.equal((await rowcast.metrics()).rowcast_held, 0);
        const all = [...first, ...second, ...third];
        assert.deepEqual(await other.events(all.length - 499), all.slice(499), 'the same for both');
        const ids = all.map((event) => event.id);
        assert.deepEqual(ids, [...new Set(ids)].sort());

        // The same ids as a router makes that never had to wait.
        await rowcast.kill();
        const restarted = await start(t, database, ['a'], { scripts, env });
        assert.equal((await restarted.client.subscribe('a', { since: ids[0] })).recovered, true);
        assert.deepEqual(await restarted.client.events(all.length - 1), all.slice(1));
    });

    it('keeps the connection, acknowledges nothing, ends when told, and comes to the same row again', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t);
        const fast = { ...env, ROWCAST_HISTORY_TIME: '1s' };
        const one = await start(t, database, ['a'], { scripts, env: fast });
        await single(database, 498, 500);
        await one.rowcast.unready(/cost 500/);
        const [before] = await database.sql('select pg_current_wal_lsn()');
        await single(database, 501, 600);
        const began = await position(database);
        await database.sql('select pg_sleep(7)'); // longer than wal_sender_timeout
        const [lsn, pid] = (await position(database)).split('|');
        assert.equal(pid, began.split('|')[1], 'the same connection');
        assert.deepEqual(await database.sql(`select '${lsn}'::pg_lsn < '${before}'::pg_lsn`), ['t']);
        const seen = await one.client.events(2);
        await one.rowcast.stop(); // with 0, all drained

        const two = await serve(t, { database, scripts, env: fast });
        await two.unready(/cost 500/);
        const client = await two.connect();
        const { recovered, reason } = await client.subscribe('a', { since: seen[1].id });
        assert.ok(recovered || reason === 'expired', reason);
        await client.expectNothing();
        await reload(two, scripts, MENDED);
        assert.deepEqual(costs(await client.events(101)), range(500, 101));
        await two.ready();
    });

    it('holds a huge transaction at the part', async (t) => {
        const database = await Database.create(t);
        const scripts = broken(t, 'cost == 500 or cost == 11000');
        const { rowcast, client } = await start(t, database, ['a'], { scripts, env });
        await database.sql(tradesOf('a', 0, 12000));
        await database.sql(tradeOf('a', 12001));
        await rowcast.unready(/cost 500/);
        await client.expectNothing();
        await reload(rowcast, scripts, breaking('cost == 11000'));
        assert.deepEqual(costs(await client.events(11000)), range(0, 11000));
        await rowcast.unready(/cost 11000/);
        await client.expectNothing();
        await reload(rowcast, scripts, MENDED);
        assert.deepEqual(costs(await client.events(1002)), range(11000, 1002));
        await rowcast.ready();
        await client.expectNothing();
    });

    it('lets the server stop and come back', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const scripts = broken(t);
        const { rowcast, client } = await start(t, database, ['a'], { scripts, env });
        await single(database, 499, 800);
        await rowcast.unready(/cost 500/);
        await database.sql(tradesOf('a', 10000, 10400));
        await server.stop('fast');
        await rowcast.logged('source_lost');
        await server.start();
        await rowcast.unready(/reading what was committed/);
        await rowcast.unready(/held before/);
        assert.deepEqual(costs(await client.events(1)), [499]);
        await client.expectNothing();
        await reload(rowcast, scripts, MENDED);
        assert.deepEqual(costs(await client.events(702)), [...range(500, 301), ...range(10000, 401)]);
        await rowcast.ready();
        await client.expectNothing();
    });

    it('goes on behind a server that came back without anything new', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const scripts = broken(t);
        const { rowcast, client } = await start(t, database, ['a'], { scripts, env });
        await single(database, 499, 500);
        await rowcast.unready(/cost 500/);
        await server.stop('fast');
        await server.start();
        await until('it is read again', async () => (await rowcast.status()).source.connected);
        await rowcast.unready(/held before/);
        await reload(rowcast, scripts, MENDED);
        await rowcast.ready();
        await single(database, 501, 502);
        assert.deepEqual(costs(await client.events(4)), range(499, 4));
        await client.expectNothing();
    });

    it('finds out that the server was set back to before the row', async (t) => {
        const server = await Server.start(t);
        const database = await Database.create(t, { server });
        const scripts = broken(t);
        const { rowcast, client } = await start(t, database, ['a'], { scripts, env });
        await single(database, 499, 499);
        await client.events(1);
        const backup = path.join(server.folder, 'backup');
        await server.stop();
        server.copyTo(backup);
        await server.start();
        await rowcast.logged('source_started', {}, 2);
        await single(database, 500, 500);
        await rowcast.unready(/cost 500/);
        await server.stop('immediate');
        server.restore(backup);
        await server.start();
        await single(database, 600, 610); // where the row was held there is another one now
        await reload(rowcast, scripts, MENDED);
        await rowcast.ready();
        assert.deepEqual(costs(await client.events(1)), [500]); // it had been committed
        await client.expect({ type: 'error', data: { code: 'stream_reset' } });
        await single(database, 611, 612);
        assert.deepEqual(costs(await client.events(2)), [611, 612]);
        await client.expectNothing();
    });

    it('holds recorded rows too', async (t) => {
        const scripts = broken(t, 'cost == 2');
        const rowcast = await serve(t, { scripts, env });
        await rowcast.logged('source_started');
        const client = await rowcast.connect();
        await client.subscribe('a');
        rowcast.feed(...range(1, 5).map((cost) => transaction(cost, trade('a', cost))));
        assert.deepEqual(costs(await client.events(1)), [1]);
        await rowcast.unready(/cost 2/);
        await client.expectNothing();
        await reload(rowcast, scripts, MENDED);
        assert.deepEqual(costs(await client.events(4)), range(2, 4));
        await rowcast.ready();
    });
});

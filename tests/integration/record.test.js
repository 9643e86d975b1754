// SPDX-License-Identifier: MIT
// rowcast record: what it writes makes the same events as the live router made, byte for byte.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { until } = require('./lib/expect.js');
const { run, folder, environment, BINARY, SCRIPTS } = require('./lib/rowcast.js');
const { Database, tradeOf, tradesOf } = require('./lib/database.js');
const { show } = require('./lib/shown.js');

// A recording that is under way.
async function record(t, database, args) {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', BINARY, 'record', ...args], {
        env: environment({ ...database.settings, ROWCAST_SCRIPTS: SCRIPTS }),
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const recording = { child, stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'])
        child[stream].setEncoding('utf8').on('data', (text) => (recording[stream] += text));
    child.on('close', (code, signal) => (recording.code = code ?? signal));
    t.after(() => child.kill('SIGKILL'));
    await until(
        'the recording begins',
        () => /recording what/.test(recording.stderr) || recording.code !== undefined,
        () => recording.stderr,
    );
    recording.ended = () =>
        until(
            'the end of the recording',
            () => recording.code !== undefined,
            () => recording.stderr,
        );
    return recording;
}

// An id of a file has no epoch, timeline, xid and stamp; an event of replay is one line.
const comparable = (text) =>
    text.replaceAll(/[\r\n]/g, ' ').replace(
        /"id":"[0-9a-f]{8}-[0-9a-f]{8}-([0-9a-f]{16})-[0-9a-f]{8}-[0-9a-f]{5}-([0-9a-f]{8}-[0-9a-f]{4})"/,
        (_, lsn, place) => `"id":"${lsn}-${place}"`,
    );

async function replay(file, scripts) {
    const { code, stdout, stderr } = await run(['replay', file], {
        env: { ROWCAST_SCRIPTS: scripts, ROWCAST_MAX_EVENT: '1MiB' },
    });
    assert.equal(code, 0, stderr);
    return stdout.split('\n').slice(0, -1).map(comparable);
}

const TABLE = `
    create type mood as enum ('sad', 'so so');
    create table every (
        id int primary key, small int2, large int8, real float4, exact float8, amount numeric, yes bool, content text,
        doc json, docb jsonb, at timestamptz, local timestamp, day date, mood mood, bytes bytea, identifier uuid,
        numbers int[], floats float8[], texts text[], docs jsonb[], times timestamptz[], grid int[][], none text);
    alter table every alter content set storage external`;

// What is hard to write down: each is one row.
const ROWS = [
    `1, 7, 9007199254740993, 0.1, 0.30000000000000004, 12.50, true, 'a"b\\\\ü€😀', '{"a":  [1, 2.50, 1e2]}', '{"b": {"c": null}}',
     '2025-11-09 12:00:00.123456+02', '2025-11-09 12:00:00', '2025-11-09', 'so so', '\\\\x00ff', '${'0'.repeat(8)}-0000-0000-0000-000000000000',
     '{1,NULL,3}', '{0.1,0.30000000000000004,1e15,-0,NaN,Infinity,NULL}', '{"a b",NULL,"NULL",""}',
     array['{"x": 1}','"text"','null',null]::jsonb[], '{"2025-11-09 12:00:00+00","infinity"}', '{{1,2},{3,4}}', null`,
    `2, null, null, 'NaN', '-0', 'NaN', false, '', '"a\\\\u00e9\\\\u0000b"', '"text"', 'infinity', '-infinity', 'infinity', 'sad', '', null,
     '{}', '{}', '{}', '{}', null, null, null`,
    `3, null, null, '-Infinity', 1e15, 0, null, E'lines\\nand\\ttabs', E'{\\n  "pretty": [\\n    1\\n  ]\\n}', '12345678901234567890.10', null, null,
     null, null, null, null, '[2:3]={5,6}', '{1.5,2}', '{{a},{b}}', null, null, null, null`,
    `4, null, null, 5e-45, 123456789012345, null, null, null, ' [1]', 'null', '0044-03-15 BC', null, null, null, null, null, null,
     '{1e21,5e-324}', null, null, null, null, null`,
    `5, null, null, 1e20, 1e20, null, null, null, '1E400', 'true', null, null, null, null, null, null, null, null, null,
     array['1e400']::jsonb[], null, null, null`,
];

describe('a recording', () => {
    for (const identity of ['default', 'full'])
        it(`replays as what it was (replica identity ${identity})`, async (t) => {
            const shown = await show(t, `${TABLE}; alter table every replica identity ${identity}`, ['every'], {
                setup: identity === 'full' ? ['--identity-full'] : [],
                files: { 'messages.lua': 'return function(content) return { type = "m", topic = "shown", data = { is = content } } end' },
            });
            const file = path.join(folder(t), 'rows.jsonl');
            const recording = await record(t, shown.database, [file, '--count', String(ROWS.length + 5)]);
            shown.texts.length = 0;
            for (const row of ROWS) await shown.database.sql(`insert into every values (${row.replaceAll('\\\\', '\\')})`);
            await shown.database.sql("insert into every (id, content) select 9, string_agg(md5(n::text), '') from generate_series(1, 500) n");
            await shown.database.commit(
                "update every set small = coalesce(small, 0) + 1",
                "select pg_logical_emit_message(true, 'rowcast', E'a\\nb')",
                "select pg_logical_emit_message(true, 'others', 'x')",
                'update every set id = id + 100',
            );
            await shown.database.sql('delete from every where id > 104');
            await shown.database.sql('truncate every');
            await shown.database.sql('insert into every (id) values (1)');
            const count = ROWS.length + 1 + (2 * (ROWS.length + 1) + 1) + 2 + 1 + 1;
            await until('all events', () => shown.texts.length >= count, () => String(shown.texts.length));
            await recording.ended();
            assert.equal(recording.code, 0, recording.stderr);
            assert.match(recording.stderr, new RegExp(`${ROWS.length + 5} transactions with`));
            assert.deepEqual(await replay(file, shown.scripts), shown.texts.map(comparable));
        });

    it('of a transaction too large to be seen whole is in parts too', async (t) => {
        const shown = await show(t, 'create table many (id int primary key)', ['many']);
        const file = path.join(folder(t), 'rows.jsonl');
        const recording = await record(t, shown.database, [file, '--count', '1']);
        shown.texts.length = 0;
        await shown.database.sql('insert into many select generate_series(1, 10001)');
        await until('all events', () => shown.texts.length === 10001);
        await recording.ended();
        assert.equal(recording.code, 0, recording.stderr);
        const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
        assert.deepEqual(
            lines.map((line) => [JSON.parse(line).changes.length, JSON.parse(line).more ?? false]),
            [
                [10000, true],
                [1, false],
            ],
        );
        assert.deepEqual(await replay(file, shown.scripts), shown.texts.map(comparable));
    });

    for (const signal of ['SIGINT', 'SIGTERM'])
        it(`ends at ${signal}, and leaves nothing in the database`, async (t) => {
            const database = await Database.create(t);
            const file = path.join(folder(t), 'rows.jsonl');
            const recording = await record(t, database, [file]);
            await database.sql(tradeOf('a', 1));
            await database.sql(tradesOf('a', 2, 4));
            const lines = () => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
            await until('both transactions, while it runs', () => lines().length === 2);
            recording.child.kill(signal);
            await recording.ended();
            assert.equal(recording.code, 0, recording.stderr);
            assert.match(recording.stderr, /2 transactions with 4 changes written to/);
            assert.deepEqual(
                lines().map((line) => JSON.parse(line).changes.length),
                [1, 3],
            );
            const slots = "select slot_name from pg_replication_slots where slot_name like 'rowcast_record_%'";
            await until('no slot', async () => (await database.sql(slots)).length === 0);

            const again = await run(['record', file], { env: database.settings });
            assert.equal(again.code, 1);
            assert.match(again.stderr, /is there already.*--force/);
            assert.equal(lines().length, 2);
            const over = await record(t, database, ['--force', file, '--count=1']);
            await database.sql(tradeOf('a', 5));
            await over.ended();
            assert.deepEqual([over.code, lines().length], [0, 1]);
        });

    it('goes to standard output', async (t) => {
        const database = await Database.create(t);
        const recording = await record(t, database, ['-', '--count', '1']);
        await database.sql(tradeOf('a', 1));
        await recording.ended();
        const { lsn, xid, time, changes } = JSON.parse(recording.stdout);
        assert.match(lsn, /^[0-9A-F]+\/[0-9A-F]+$/);
        assert.ok(xid > 0 && Date.parse(time) > 0);
        assert.deepEqual(
            changes.map((change) => [change.op, change.table, change.new.outcome, change.new.cost]),
            [['insert', 'public.trades', true, '1']],
        );
    });

    it('says what hinders it', async (t) => {
        const database = await Database.create(t);
        const file = path.join(folder(t), 'rows.jsonl');
        const refused = async (args, env, code, sentence) => {
            const result = await run(['record', ...args], { env: { ...database.settings, ...env } });
            assert.equal(result.code, code, result.stderr);
            assert.match(result.stderr, sentence);
            assert.ok(!fs.existsSync(file));
        };
        await refused([], {}, 2, /rowcast record FILE/);
        await refused([file, '--count', 'many'], {}, 2, /--count many/);
        await refused([file, '--cuont', '1'], {}, 2, /did you mean '--count'/);
        await refused([file], { DATABASE_URL: '' }, 78, /DATABASE_URL=postgresql.* rowcast record/);
        await refused([file], { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }, 69, /127\.0\.0\.1:1/);
        await refused([file], { ROWCAST_PUBLICATION: 'others' }, 69, /publication "others"/);
        await refused(['/none/rows.jsonl'], {}, 1, /No such file/);
        const full = await record(t, database, ['--force', '/dev/full']);
        await database.sql(tradeOf('a', 1));
        await full.ended();
        assert.equal(full.code, 1);
        assert.match(full.stderr, /\/dev\/full cannot be written further: No space left on device/);
    });

    it('ends with a sentence when the server goes', async (t) => {
        const database = await Database.create(t);
        const file = path.join(folder(t), 'rows.jsonl');
        const recording = await record(t, database, [file]);
        await database.sql(tradeOf('a', 1));
        await until('the transaction', () => fs.readFileSync(file, 'utf8').endsWith('\n'));
        await database.sql(
            `select pg_terminate_backend(active_pid) from pg_replication_slots where database = '${database.name}' and temporary`,
        );
        await recording.ended();
        assert.equal(recording.code, 69, recording.stderr);
        assert.match(recording.stderr, /1 transactions with 1 changes written/);
    });
});

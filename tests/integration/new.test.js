// SPDX-License-Identifier: MIT
// rowcast new: what it writes works as it is, and nothing is ever written over.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { serve, run, scriptFolder, writeFiles, ROOT } = require('./lib/rowcast.js');
const { Database } = require('./lib/database.js');
const { transaction, insert, market, trade, update } = require('./lib/rows.js');

// A folder with scripts/ and spec/, as one that was made from the shipped ones.
class Project {
    constructor(t, options) {
        this.scripts = scriptFolder(t, options);
        this.folder = path.dirname(this.scripts);
        writeFiles(this.folder, { 'spec/helper.lua': fs.readFileSync(path.join(ROOT, 'spec/helper.lua'), 'utf8') });
        fs.copyFileSync(path.join(ROOT, '.busted'), path.join(this.folder, '.busted'));
    }

    run(args, options) {
        return run([...args, '--scripts', this.scripts], options);
    }

    read(name) {
        return fs.readFileSync(path.join(this.folder, name), 'utf8');
    }

    busted() {
        const { status, stdout, stderr } = spawnSync('busted', ['-o', 'plainTerminal'], { cwd: this.folder, encoding: 'utf8' });
        return { status, said: stdout + stderr };
    }
}

describe('rowcast new table', () => {
    it('writes a script and a spec that pass as they are, and says what is next', async (t) => {
        const project = new Project(t);
        for (const [name, published] of [
            ['bays', 'public.bays'],
            ['depot.bays', 'depot.bays'],
            ['public.lots', 'public.lots'],
        ]) {
            const { code, stdout, stderr } = await project.run(['new', 'table', name]);
            assert.deepEqual([code, stderr], [0, '']);
            assert.match(stdout, new RegExp(`rowcast db setup .*${published}`));
        }
        const { status, said } = project.busted();
        assert.equal(status, 0, said);
        assert.match(said, /^9 successes/m);
        assert.equal((await project.run(['check'])).code, 0);
        assert.match(project.read('scripts/tables/lots.lua'), /type = "lots"/);
    });

    it('takes columns, key and replica identity from the database', async (t) => {
        const database = await Database.create(t, {
            schema: `create type size as enum ('small', 'large');
                create table bays (depot text, number int, occupied bool, "end" timestamptz, size size, tags text[], extra jsonb,
                    weight float8, "two words" numeric, primary key (number));
                create table loose (a int)`,
            setup: false,
        });
        const env = { DATABASE_URL: database.url };
        const project = new Project(t);
        const made = await project.run(['new', 'table', 'bays'], { env });
        assert.equal(made.code, 0, made.stderr);
        assert.match(made.stdout, /rowcast db setup/);
        const script = project.read('scripts/tables/bays.lua');
        assert.match(script, /-- Columns: depot, number, occupied, end, size, tags, extra, weight, two words\n/);
        assert.match(script, /Replica identity: primary key.*`old` has the key alone/);
        assert.match(script, /^-- .*ALTER TABLE "public"."bays" REPLICA IDENTITY FULL;$/m);
        assert.match(script, /topic = "bays-" \.\. row\.number/);
        assert.match(project.read('spec/tables/bays_spec.lua'), /\["two words"\] = "1"/);
        for (const name of ['scripts/tables/bays.lua', 'spec/tables/bays_spec.lua'])
            for (const line of project.read(name).split('\n')) assert.ok(line.length <= 100, line);

        const loose = await project.run(['new', 'table', 'loose'], { env });
        assert.match(loose.stdout, /rowcast db setup --identity-full/);
        assert.doesNotMatch(project.read('scripts/tables/loose.lua'), /delete =/);
        const { status, said } = project.busted();
        assert.equal(status, 0, said);

        await database.setup('--identity-full', '--scripts', project.scripts);
        const { code, stderr } = await project.run(['check'], { env });
        assert.equal(code, 0, stderr);

        const missing = await project.run(['new', 'table', 'bay'], { env });
        assert.equal(missing.code, 1);
        assert.match(missing.stderr, /no table public\.bay .*did you mean: rowcast new table public\.bays/);
    });

    it('writes over nothing', async (t) => {
        for (const name of ['scripts/tables/bays.lua', 'spec/tables/bays_spec.lua']) {
            const project = new Project(t);
            writeFiles(project.folder, { [name]: 'return {} -- mine' });
            const { code, stderr } = await project.run(['new', 'table', 'bays']);
            assert.equal(code, 1);
            assert.match(stderr, new RegExp(`${name} is there already`));
            assert.equal(project.read(name), 'return {} -- mine');
            const all = fs.readdirSync(project.folder, { recursive: true }).filter((file) => file.includes('bays'));
            assert.deepEqual(all, [name], 'nor beside it');
        }
    });

    it('refuses what is no name', async (t) => {
        const project = new Project(t);
        for (const args of [['table'], ['table', 'a/b'], ['table', '.a'], ['table', 'a.'], ['tabel', 'a'], ['spec'], []])
            assert.equal((await project.run(['new', ...args])).code, 2, args.join(' '));
    });
});

describe('rowcast new spec', () => {
    const rows = [
        transaction(1, insert('markets', market('a'))),
        transaction(2, update('markets', market('a'), market('a', { yes_shares: 10, question: 'Ünd "so\\\n\u0001"7?', tags: [] })), trade('a', 7)),
        transaction(3, insert('markets', market('b', { creator_wallet: null }))),
    ];
    const lines = (some) => some.map((one) => `${JSON.stringify(one)}\n`).join('');
    const failing = 'return {\n  insert = function(new)\n    return { type = "t", topic = "a", n = new.nothing.x }\n  end,\n}\n';

    it('reproduces the row that failed in the router, until the script is mended', async (t) => {
        const project = new Project(t, { shipped: true, files: { 'tables/trades.lua': failing } });
        const file = path.join(project.folder, 'failed.jsonl');
        const rowcast = await serve(t, { scripts: project.scripts, env: { ROWCAST_FAILED: file } });
        rowcast.feed(...rows);
        const { message } = await rowcast.logged('row_script_failed', { table: 'public.trades', op: 'insert', key: 'id=7', lsn: '0/2' });
        assert.match(message, /tables\/trades\.lua:3: /);
        const replayed = await project.run(['replay', file]);
        assert.equal(replayed.code, 1);
        assert.match(replayed.stderr, /tables\/trades\.lua:3: .*\n.*change 1 insert public\.trades id=7\n/);

        const { code, stdout, stderr } = await project.run(['new', 'spec', '--from', `${file}:1`]);
        assert.deepEqual([code, stderr], [0, '']);
        assert.match(stdout, /spec\/tables\/trades_0_2_1_spec\.lua\n[^]*fails until.*trades\.lua:3: /);
        const before = project.busted();
        assert.notEqual(before.status, 0, 'it fails');
        assert.match(before.said, /scripts\/tables\/trades\.lua:3: /);
        const again = await project.run(['new', 'spec', '--from', file]);
        assert.equal(again.code, 1);
        assert.match(again.stderr, /trades_0_2_1_spec\.lua is there already/);

        fs.copyFileSync(path.join(ROOT, 'scripts/tables/trades.lua'), path.join(project.scripts, 'tables/trades.lua'));
        const after = project.busted();
        assert.equal(after.status, 0, after.said);
    });

    for (const onError of ['skip', 'hold'])
        it(`is the command that the log names, with on_error ${onError}`, async (t) => {
            const project = new Project(t, { shipped: true, files: { 'tables/trades.lua': failing } });
            const file = path.join(project.folder, 'failed.jsonl');
            const env = { ROWCAST_FAILED: file, ROWCAST_ON_ERROR: onError };
            const rowcast = await serve(t, { scripts: project.scripts, env });
            rowcast.feed(...rows, transaction(4, trade('a', 8)));
            const { message } = await rowcast.logged('row_script_failed', { key: 'id=7' });
            if (onError === 'skip') await rowcast.logged('row_script_failed', { key: 'id=8' }); // which is the newer one
            const [, command] = / as a spec: rowcast (.*)$/.exec(message);
            const { code, stdout, stderr } = await run(command.split(' '));
            assert.deepEqual([code, stderr], [0, '']);
            assert.match(stdout, /spec\/tables\/trades_0_2_1_spec\.lua\n/);
            assert.match(project.busted().said, /scripts\/tables\/trades\.lua:3: /);
            fs.copyFileSync(path.join(ROOT, 'scripts/tables/trades.lua'), path.join(project.scripts, 'tables/trades.lua'));
            const after = project.busted();
            assert.equal(after.status, 0, after.said);
        });

    it('of a row that is fine says what it makes', async (t) => {
        const project = new Project(t, { shipped: true });
        const file = path.join(project.folder, 'rows.jsonl');
        fs.writeFileSync(file, lines(rows));
        for (const from of [`${file}:2`, file]) assert.equal((await project.run(['new', 'spec', '--from', from])).code, 0);
        const { status, said } = project.busted();
        assert.equal(status, 0, said);
        assert.match(said, /^2 successes/m);
        const text = project.read('spec/tables/markets_0_2_0_spec.lua');
        assert.match(text, /assert\.equal\("market_state", events\[1\]\.type\)/);
        assert.match(text, /question = "Ünd \\"so\\\\\\n\\1\\"7\?"/);
        assert.match(text, /tags = rowcast\.array \{\}/);
        assert.match(project.read('spec/tables/markets_0_3_0_spec.lua'), /creator_wallet = rowcast\.null/);
    });

    it('says what is not there', async (t) => {
        const project = new Project(t, { shipped: true });
        const file = path.join(project.folder, 'rows.jsonl');
        fs.writeFileSync(file, `${lines([transaction(1, insert('others', { id: 1 }))])}nonsense\n`);
        const says = async (from, pattern) => {
            const { code, stderr } = await project.run(['new', 'spec', '--from', from]);
            assert.notEqual(code, 0);
            assert.match(stderr, pattern);
        };
        await says(file, /rows\.jsonl: line 2/);
        fs.writeFileSync(file, lines([transaction(1, insert('others', { id: 1 }))]));
        await says(`${file}:0/9`, /no transaction with LSN 0\/9/);
        await says(`${file}:9`, /no transaction in line 9, but 1 lines/);
        await says(file, /No script in .* has a handler/);
        await says(`${file}.none`, /rows\.jsonl\.none cannot be opened/);
    });
});

// SPDX-License-Identifier: MIT
// What a change brings: old rows, large values, partitions, tables of every name and shape, and schemas that change.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Database, start } = require('./lib/database.js');
const { serverVersion } = require('./lib/server.js');
const { resident, sanitized } = require('../hostile/process.js');
const { show } = require('./lib/shown.js');

// So many bytes that no compression makes small.
const noise = (bytes) => `(select string_agg(md5(n::text), '') from generate_series(1, ${Math.ceil(bytes / 32)}) n)`;
const pick = (list, ...keys) => list.map((data) => Object.fromEntries(keys.map((key) => [key, data[key]])));
const op = (list) => list.map((data) => data.op);

describe('old rows and large values that an update does not touch', () => {
    const schema = (name, identity) => `
        create table ${name} (id int primary key, k text not null unique, n int, large text, doc jsonb);
        alter table ${name} alter large set storage external, alter doc set storage external;
        ${identity}`;
    const fill = (name) => `
        insert into ${name} values (1, 'k1', 1, ${noise(9000)}, jsonb_build_object('x', ${noise(9000)})),
            (2, 'k2', null, null, null)`;
    const changes = (name) => `
        update ${name} set n = 2 where id = 1;
        update ${name} set id = 3 where id = 1;
        update ${name} set k = 'k3' where id = 3;
        update ${name} set large = 'small' where id = 3;
        update ${name} set large = null, doc = '{}' where id = 3;
        update ${name} set n = 3 where id = 2;
        delete from ${name} where id = 3`;

    // The events' data: insert, insert, and those of the changes.
    async function shownOf(t, name, identity) {
        const shown = await show(t, schema(name, identity), [name]);
        const [first] = await shown.after(fill(name), 2);
        assert.ok(first.new.large.length >= 9000 && first.new.doc.x.length >= 9000);
        const list = await shown.after(changes(name), 7);
        assert.deepEqual(op(list), ['update', 'update', 'update', 'update', 'update', 'update', 'delete']);
        assert.deepEqual(shown.failures, []);
        return { shown, large: first.new.large, doc: first.new.doc, list };
    }

    // What holds wherever they are not filled in.
    function expectLeftOut(list, { large, doc }) {
        for (const data of list.slice(0, 3)) {
            assert.deepEqual(data.unchanged, ['large', 'doc']);
            assert.deepEqual(data.read.names, ['id', 'k', 'n'], 'they read as nil');
        }
        assert.deepEqual(list[0].new, { id: 1, k: 'k1', n: 2 });
        assert.deepEqual(list[1].new, { id: 3, k: 'k1', n: 2 });
        assert.deepEqual(list[2].new, { id: 3, k: 'k3', n: 2 });
        assert.deepEqual([list[3].new, list[3].unchanged], [{ id: 3, k: 'k3', n: 2, large: 'small' }, ['doc']]);
        assert.deepEqual([list[4].new, list[4].unchanged], [{ id: 3, k: 'k3', n: 2, large: null, doc: {} }, []]);
        assert.deepEqual([list[5].new, list[5].unchanged], [{ id: 2, k: 'k2', n: 3, large: null, doc: null }, []]);
        assert.ok(large && doc);
    }

    it('with the identity DEFAULT', async (t) => {
        const { list, ...values } = await shownOf(t, 'd', '');
        expectLeftOut(list, values);
        assert.deepEqual(
            list.map((data) => data.old),
            [undefined, { id: 1 }, undefined, undefined, undefined, undefined, { id: 3 }],
        );
    });

    it('with the identity INDEX', async (t) => {
        const { list, ...values } = await shownOf(t, 'i', 'alter table i replica identity using index i_k_key');
        expectLeftOut(list, values);
        assert.deepEqual(
            list.map((data) => data.old),
            [undefined, undefined, { k: 'k1' }, undefined, undefined, undefined, { k: 'k3' }],
        );
        assert.deepEqual(list[6].read_old.names, ['k']);
    });

    it('with the identity FULL', async (t) => {
        const { list, large, doc } = await shownOf(t, 'f', 'alter table f replica identity full');
        const rows = [
            { id: 1, k: 'k1', n: 1, large, doc },
            { id: 1, k: 'k1', n: 2, large, doc },
            { id: 3, k: 'k1', n: 2, large, doc },
            { id: 3, k: 'k3', n: 2, large, doc },
            { id: 3, k: 'k3', n: 2, large: 'small', doc },
            { id: 3, k: 'k3', n: 2, large: null, doc: {} },
        ];
        for (let i = 0; i < 5; i++) {
            assert.deepEqual([list[i].old, list[i].new], [rows[i], rows[i + 1]]);
            assert.deepEqual(list[i].unchanged, []);
            assert.deepEqual(list[i].read.values, Object.fromEntries(Object.entries(rows[i + 1]).filter(([, v]) => v !== null)));
        }
        assert.deepEqual(list[5].old, { id: 2, k: 'k2', n: null, large: null, doc: null });
        assert.deepEqual(list[6].old, rows[5]);
    });

    it('with the identity NOTHING, where updates are not published', async (t) => {
        const shown = await show(t, schema('o', ''), ['o'], {
            prepare: "alter publication rowcast set (publish = 'insert, truncate'); alter table o replica identity nothing",
        });
        const [one, two] = await shown.after(fill('o'), 2);
        assert.deepEqual([one.new.id, two.new], [1, { id: 2, k: 'k2', n: null, large: null, doc: null }]);
        assert.deepEqual(op(await shown.after(`${changes('o')}; truncate o`, 1)), ['truncate']);
    });

    it('of a large key come whole', async (t) => {
        const shown = await show(
            t,
            'create table keyed (k text primary key, n int); alter table keyed alter k set storage external',
            ['keyed'],
        );
        const key = "repeat('k', 2500)";
        const list = await shown.after(
            `insert into keyed values (${key}, 1); update keyed set n = 2; update keyed set k = 'short'; delete from keyed`,
            4,
        );
        const large = 'k'.repeat(2500);
        assert.deepEqual(list[1].new, { k: large, n: 2 });
        assert.deepEqual(list[1].unchanged, []);
        assert.deepEqual([list[2].old, list[2].new], [{ k: large }, { k: 'short', n: 2 }]);
        assert.deepEqual(list[3].old, { k: 'short' });
    });
});

describe('tables of every shape:', () => {
    it('generated columns are not sent, identity columns are', async (t) => {
        const shown = await show(
            t,
            `create table g (id int generated always as identity primary key, a int,
                b int generated always as (a * 2) stored, c text)`,
            ['g'],
        );
        const list = await shown.after("insert into g (a, c) values (21, 'x'); update g set a = 4; delete from g", 3);
        assert.deepEqual(list[0].new, { id: 1, a: 21, c: 'x' });
        assert.deepEqual(list[1].new, { id: 1, a: 4, c: 'x' });
        assert.deepEqual(list[2].old, { id: 1 });
    });

    it('partitions speak as their root, also when a row moves', async (t) => {
        const shown = await show(
            t,
            `create table p (id int, region text, v text, primary key (id, region)) partition by list (region);
            create table p_a partition of p for values in ('a');
            create table p_b (v text, dropped int, region text not null, id int not null, primary key (id, region));
            alter table p_b drop dropped;
            alter table p attach partition p_b for values in ('b');
            create table p_c partition of p for values in ('c', 'd') partition by range (id);
            create table p_c1 partition of p_c for values from (0) to (100)`,
            ['p'],
        );
        const list = await shown.after(
            `begin; insert into p values (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', null); commit;
            update p set v = 'z' where id = 2;
            update p set region = 'b' where id = 1;
            update p set region = 'd' where id = 3;
            delete from p_b where id = 2;
            truncate p_a;
            truncate p`,
            9,
        );
        for (const data of list) assert.deepEqual([data.schema, data.table], ['public', 'p']);
        assert.deepEqual(pick(list, 'op', 'old', 'new'), [
            { op: 'insert', old: undefined, new: { id: 1, region: 'a', v: 'x' } },
            { op: 'insert', old: undefined, new: { id: 2, region: 'b', v: 'y' } },
            { op: 'insert', old: undefined, new: { id: 3, region: 'c', v: null } },
            { op: 'update', old: undefined, new: { id: 2, region: 'b', v: 'z' } },
            { op: 'delete', old: { id: 1, region: 'a' }, new: undefined },
            { op: 'insert', old: undefined, new: { id: 1, region: 'b', v: 'x' } },
            { op: 'update', old: { id: 3, region: 'c' }, new: { id: 3, region: 'd', v: null } },
            { op: 'delete', old: { id: 2, region: 'b' }, new: undefined },
            { op: 'truncate', old: undefined, new: undefined },
        ]);
        assert.equal(list[4].xid, list[5].xid);
        const [attached] = await shown.after(
            "create table p_e partition of p for values in ('e'); insert into p values (9, 'e', 'late')",
            1,
        );
        assert.deepEqual(attached.new, { id: 9, region: 'e', v: 'late' });
    });

    it('TRUNCATE tells each table, those of a cascade too', async (t) => {
        const shown = await show(
            t,
            `create table a (id int generated always as identity primary key);
            create table b (id int primary key, a int references a);
            create table c (id int primary key, b int references b); create table e (id int primary key);
            create table unpublished (id int primary key, a int references a)`,
            ['a', 'b', 'c', 'e'],
        );
        const list = await shown.after(
            `insert into a default values; insert into e values (1); truncate e, c;
            begin; insert into c values (5, null); truncate a restart identity cascade; insert into a default values; commit;
            begin; truncate e; rollback`,
            9,
        );
        const tables = list.map((data) => data.table);
        const sorted = (from, to) => tables.slice(from, to).sort();
        const truncates = (number) => Array(number).fill('truncate');
        assert.deepEqual(op(list), ['insert', 'insert', ...truncates(2), 'insert', ...truncates(3), 'insert']);
        assert.deepEqual(sorted(2, 4), ['c', 'e']);
        assert.deepEqual(sorted(5, 8), ['a', 'b', 'c']);
        assert.deepEqual([list[8].table, list[8].new], ['a', { id: 1 }]);
    });

    it('what a publication leaves out is not there', async (t) => {
        if ((await serverVersion()) < 15) return t.skip('publications have neither column lists nor row filters before 15');
        const shown = await show(
            t,
            `create table lean (id int primary key, shown text, hidden text, tail int);
            create table sieve (id int primary key, n int, s text);
            alter table sieve replica identity full;
            create publication rowcast for table lean (tail, id, shown), sieve where (n > 10)`,
            ['lean', 'sieve'],
        );
        const lean = await shown.after(
            `insert into lean values (1, 's', 'secret', 7);
            update lean set hidden = 'more'; update lean set id = 2; delete from lean`,
            4,
        );
        assert.deepEqual(pick(lean, 'op', 'old', 'new'), [
            { op: 'insert', old: undefined, new: { id: 1, shown: 's', tail: 7 } },
            { op: 'update', old: undefined, new: { id: 1, shown: 's', tail: 7 } },
            { op: 'update', old: { id: 1 }, new: { id: 2, shown: 's', tail: 7 } },
            { op: 'delete', old: { id: 2 }, new: undefined },
        ]);
        const sieve = await shown.after(
            `insert into sieve values (1, 5, 'low'), (2, 50, 'high');
            update sieve set n = 11, s = 'in' where id = 1; update sieve set n = 12 where id = 1;
            update sieve set n = 1 where id = 1; update sieve set s = 'unseen' where id = 1; delete from sieve`,
            5,
        );
        assert.deepEqual(pick(sieve, 'op', 'old', 'new'), [
            { op: 'insert', old: undefined, new: { id: 2, n: 50, s: 'high' } },
            { op: 'insert', old: undefined, new: { id: 1, n: 11, s: 'in' } },
            { op: 'update', old: { id: 1, n: 11, s: 'in' }, new: { id: 1, n: 12, s: 'in' } },
            { op: 'delete', old: { id: 1, n: 12, s: 'in' }, new: undefined },
            { op: 'delete', old: { id: 2, n: 50, s: 'high' }, new: undefined },
        ]);
    });

    it('names may be any, in any schema', async (t) => {
        const odd = 'a "b" é\'\\{},\n%s';
        const quoted = `"${odd.replaceAll('"', '""')}"`;
        const shown = await show(
            t,
            `create schema depot; create schema "My Schema";
            create table depot.bays (id int primary key, ${quoted} text, "select" int, "__index" int, "Id" int);
            create table bays (id int primary key);
            create table "MixedCase" (id int primary key, "aB" int);
            create table mixedcase (id int primary key);
            create table "with space" (id int primary key);
            create table "My Schema"."Ta""ble" (id int primary key)`,
            ['depot.bays', 'bays', 'MixedCase', 'with space', 'My Schema.Ta"ble'],
        );
        const list = await shown.after(
            `insert into bays values (1); insert into depot.bays values (2, 'v', 3, 4, 5); insert into mixedcase values (6);
            insert into "MixedCase" values (7, 8); insert into "with space" values (9);
            insert into "My Schema"."Ta""ble" values (10)`,
            5,
        );
        assert.deepEqual(pick(list, 'schema', 'table', 'new'), [
            { schema: 'public', table: 'bays', new: { id: 1 } },
            { schema: 'depot', table: 'bays', new: { id: 2, [odd]: 'v', select: 3, __index: 4, Id: 5 } },
            { schema: 'public', table: 'MixedCase', new: { id: 7, aB: 8 } },
            { schema: 'public', table: 'with space', new: { id: 9 } },
            { schema: 'My Schema', table: 'Ta"ble', new: { id: 10 } },
        ]);
        assert.deepEqual(list[1].read.names, ['id', odd, 'select', '__index', 'Id']);
        assert.deepEqual(list[1].read.values, list[1].new);
    });

    it('300 columns, and as many as there may be', async (t) => {
        const names = (count) => Array.from({ length: count }, (_, i) => `c${i}`);
        const row = (count) => Object.fromEntries(names(count).map((name, i) => [name, i]));
        const create = (table, count) => `create table ${table} (${names(count).join(' int2, ')} int2, primary key (c0))`;
        const shown = await show(t, `${create('wide', 300)}; ${create('widest', 1600)}`, ['wide', 'widest']);
        for (const [table, count] of Object.entries({ wide: 300, widest: 1600 })) {
            const [data] = await shown.after(`insert into ${table} values (${Object.values(row(count))})`, 1);
            assert.deepEqual(data.new, row(count));
            assert.deepEqual(Object.keys(data.new), names(count));
            assert.deepEqual([data.read.names, data.read.values], [names(count), row(count)]);
        }
        const [data] = await shown.after('insert into wide (c0, c299) values (1, 1)', 1);
        assert.deepEqual(data.read.names, ['c0', 'c299']);
        assert.equal(Object.values(data.new).filter((value) => value === null).length, 298);
    });

    it('no columns at all', async (t) => {
        const shown = await show(t, 'create table nothing ()', ['nothing'], { setup: ['--identity-full'] });
        const list = await shown.after('insert into nothing default values; truncate nothing', 2);
        assert.deepEqual(pick(list, 'op', 'new'), [
            { op: 'insert', new: {} },
            { op: 'truncate', new: undefined },
        ]);
        assert.deepEqual(list[0].read, { names: [], values: {}, types: {} });
        const [data] = await shown.after("alter table nothing add a text; insert into nothing values ('now')", 1);
        assert.deepEqual(data.new, { a: 'now' });
        assert.deepEqual(shown.failures, []);
    });

    // A router with the default of ROWCAST_MAX_EVENT. Gives the notices of rows of so many bytes, then of an event that fits.
    async function notices(t, sizes) {
        const script = `return { insert = function(new)
            return { type = "grown", topic = "shown", market_id = "shown", number = new.id, flag = true,
                list = { 1 }, data = { row = new }, size = new.size }
        end }`;
        const shown = await show(t, 'create table big (id int primary key, size int, v text, w text)', [], {
            files: { 'tables/big.lua': script },
            env: { ROWCAST_MAX_EVENT: '256KiB' },
        });
        const rows = [...sizes, 1 << 17].map((size, i) => `(${i}, ${size}, repeat('é', ${size / 2}), 'w')`);
        await shown.database.sql(`insert into big values ${rows.join(', ')}`);
        const list = [];
        do list.push(...(await shown.client.events(1)));
        while (list.at(-1).data.too_large);
        assert.deepEqual(shown.failures, []);
        assert.equal(list.at(-1).data.row.v.length, 1 << 16);
        sizes.forEach((size, i) => {
            const { type, market_id, number, flag, data } = list[i];
            assert.deepEqual([type, market_id, number, flag], ['grown', 'shown', i, true]);
            assert.deepEqual(Object.keys(data), ['too_large']);
            assert.ok(data.too_large > size && data.too_large < size + 1000, `${data.too_large} of ${size}`);
            assert.ok(!('list' in list[i]), 'only plain values');
        });
    }

    it('rows beyond the limit, of which a notice is sent', (t) => notices(t, [1 << 18, 1 << 20, 3 << 20]));

    it('rows of 5 MB and more, of which a notice is sent', (t) => notices(t, [5 << 20, 40 << 20]));

    // The script reads that column; its memory is 16 MiB.
    it('a comment of 50 MB, of which a notice is sent, and its neighbours', async (t) => {
        const database = await Database.create(t);
        const { client, rowcast } = await start(t, database, ['a']);
        const size = 50_000_000;
        const comment = (id, content) =>
            `insert into discussions (id, market_id, user_wallet, content) values ('${id}', 'a', 'w', ${content});`;
        await database.sql(`begin; ${comment('before', "'x'")} ${comment('large', `repeat('x', ${size})`)}
            ${comment('behind', "'y'")} commit`);
        const [before, large, behind] = await client.events(3);
        assert.deepEqual([before.data.content, behind.data.content], ['x', 'y']);
        assert.deepEqual([large.type, large.market_id], ['discussion', 'a']);
        assert.deepEqual(Object.keys(large.data), ['too_large']);
        assert.ok(large.data.too_large > size && large.data.too_large < size + 1000, `${large.data.too_large}`);
        assert.ok(!/row_script_failed/.test(rowcast.story), rowcast.story);
    });

    // libpq keeps the room of the largest message of a connection, so one of these comes first.
    it('comments of many MB, whose memory is given back', async (t) => {
        const database = await Database.create(t);
        const { client, rowcast } = await start(t, database, ['a']);
        const comment = async (size) => {
            const text = `values ('${size}', 'a', 'w', repeat('x', ${size} * 1000000))`;
            await database.sql(`insert into discussions (id, market_id, user_wallet, content) ${text}`);
            await client.events(1);
        };
        await comment(50);
        const before = resident(rowcast.child.pid);
        for (const size of [30, 20, 12, 5]) await comment(size);
        const grown = resident(rowcast.child.pid) - before;
        t.diagnostic(`grown by ${grown >> 10} KiB`);
        if (!sanitized(rowcast.child.pid)) assert.ok(grown < 12 << 20, `it grew by ${grown} bytes`);
    });
});

describe('a schema that changes in mid-stream', () => {
    const TABLE = 'create table s (id int primary key, a int, b text); create table u (id int primary key)';
    const c = '2025-01-01T00:00:00.000Z';
    const day = '2025-02-02';
    const STEPS = [
        ["insert into s values (1, 10, 'x')", { id: 1, a: 10, b: 'x' }],
        [`alter table s add c timestamptz default '${c}'; insert into s values (2, 20, 'y')`, { id: 2, a: 20, b: 'y', c }],
        ['update s set a = 11 where id = 1', { id: 1, a: 11, b: 'x', c }],
        ['alter table s drop b; update s set a = 12 where id = 1', { id: 1, a: 12, c }],
        ['alter table s rename a to "A"; update s set "A" = 13 where id = 1', { id: 1, A: 13, c }],
        [`alter table s alter "A" type text; update s set "A" = 't' where id = 1`, { id: 1, A: 't', c }],
        [
            `alter table s alter c type date using '${day}', alter "A" type text[] using array["A"];
            update s set id = id where id = 1`,
            { id: 1, A: ['t'], c: day },
        ],
        [
            'create domain amount as int; alter table s add d amount; update s set d = 5 where id = 1',
            { id: 1, A: ['t'], c: day, d: 5 },
        ],
        [
            `alter table s drop d; drop domain amount; create domain amount as text; alter table s add d amount;
            update s set d = 5 where id = 1`,
            { id: 1, A: ['t'], c: day, d: '5' },
        ],
        ['alter table s drop constraint s_pkey, replica identity full; delete from s where id = 1', undefined],
    ];

    const joins = {
        'is followed change by change': (all) => all.join(';\n'),
        'is followed inside one transaction': (all) => `begin;\n${all.join(';\n')};\ncommit`,
    };
    for (const [title, join] of Object.entries(joins)) {
        it(title, async (t) => {
            const shown = await show(t, TABLE, ['s']);
            const list = await shown.after(join(STEPS.map(([sql]) => sql)), STEPS.length);
            STEPS.forEach(([sql, row], i) => assert.deepEqual(list[i].new, row, sql));
            assert.deepEqual(list.at(-1).old, STEPS.at(-2)[1]);
            for (const data of list.slice(0, -1)) assert.deepEqual(data.read.values, data.new);
            assert.deepEqual(shown.failures, []);
        });

        it(`${title}, to other names`, async (t) => {
            const shown = await show(t, TABLE, ['s', 'u']);
            const list = await shown.after(
                join([
                    "insert into s values (1, 1, 'was s')",
                    'alter table u rename to v',
                    "insert into s values (2, 2, 'is s')",
                    'insert into v values (3)',
                    'alter table s rename to u',
                    "insert into u values (4, 4, 'is u')",
                    'create schema other; alter table v rename to s; alter table s set schema other',
                    'insert into other.s values (5)',
                    'alter table other.s set schema public',
                    'insert into s values (6)',
                    'drop table u',
                ]),
                4,
            );
            assert.deepEqual(
                list.map((data) => [data.table, data.new]),
                [
                    ['s', { id: 1, a: 1, b: 'was s' }],
                    ['s', { id: 2, a: 2, b: 'is s' }],
                    ['u', { id: 4, a: 4, b: 'is u' }],
                    ['s', { id: 6 }],
                ],
            );
        });
    }

    it('is followed inside a transaction that comes in parts', async (t) => {
        const shown = await show(t, TABLE, ['s'], { env: { ROWCAST_MAX_QUEUE: '64MiB' } });
        const fill = (first, row) => `insert into s select ${row} from generate_series(${first}, ${first + 11999}) n`;
        const list = await shown.after(
            `begin; ${fill(0, "n, 1, 'x'")}; alter table s rename b to c; ${fill(12000, 'n, 1')}; commit`,
            24000,
        );
        list.forEach((data, i) => assert.deepEqual(data.new, i < 12000 ? { id: i, a: 1, b: 'x' } : { id: i, a: 1, c: null }));
    });

    it('may roll back', async (t) => {
        const shown = await show(t, TABLE, ['s']);
        const list = await shown.after(
            `begin; insert into s values (1, 1, 'x'); savepoint p; alter table s rename a to z; insert into s values (2, 2, 'y');
            rollback to p; insert into s values (3, 3, 'w'); commit;
            begin; alter table s drop a; rollback; insert into s values (4, 4, 'v')`,
            3,
        );
        assert.deepEqual(
            list.map((data) => data.new),
            [
                { id: 1, a: 1, b: 'x' },
                { id: 3, a: 3, b: 'w' },
                { id: 4, a: 4, b: 'v' },
            ],
        );
    });
});

describe('ctx', () => {
    it('says of which transaction a change is', async (t) => {
        const shown = await show(t, 'create table r (id int primary key)', ['r']);
        const { database, client } = shown;
        const [xid] = await database.sql(`begin; insert into r values (1); update r set id = 2; select pg_current_xact_id();
            delete from r; truncate r; commit; insert into r values (3)`);
        const events = await client.events(5);
        const list = events.map((event) => event.data);
        assert.deepEqual(op(list), ['insert', 'update', 'delete', 'truncate', 'insert']);
        for (const { data, timestamp } of events) {
            assert.match(data.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?Z$/);
            assert.equal(data.time.slice(0, 23), timestamp.slice(0, 23));
            assert.match(data.lsn, /^[0-9A-F]+\/[0-9A-F]+$/);
            assert.deepEqual(data.unchanged, []);
        }
        for (const key of ['xid', 'lsn', 'time']) {
            assert.equal(new Set(list.slice(0, 4).map((data) => data[key])).size, 1);
            assert.notEqual(list[3][key], list[4][key]);
        }
        assert.equal(String(list[0].xid), xid);
    });
});

describe('messages', () => {
    const SCRIPT = `return function(content, ctx)
        return { type = "said", topic = "shown", market_id = "shown",
            data = { content = content, op = ctx.op, table = ctx.table, schema = ctx.schema, unchanged = ctx.unchanged } }
    end`;
    const say = (content, { prefix = 'rowcast', transactional = true } = {}) =>
        `select pg_logical_emit_message(${transactional}, '${prefix}', ${content})`;

    it('come in the order of their transaction, if they are of one and ours', async (t) => {
        const shown = await show(t, 'create table r (id int primary key)', ['r'], { files: { 'messages.lua': SCRIPT } });
        const list = await shown.after(
            `${say("'alone'")};
            begin; insert into r values (1); ${say("'é \"q\"'")}; ${say("'at once'", { transactional: false })};
            ${say("'not ours'", { prefix: 'rowcasts' })}; ${say("'nor this'", { prefix: '' })};
            ${say("'nor that'", { prefix: 'Rowcast' })};
            insert into r values (2); ${say("''")}; commit;
            begin; ${say("'never'")}; ${say("'at once'", { transactional: false })}; rollback;
            begin; ${say("'kept'")}; savepoint s; ${say("'undone'")}; rollback to s; commit`,
            6,
        );
        assert.deepEqual(
            list.map((data) => data.content ?? data.new.id),
            ['alone', 1, 'é "q"', 2, '', 'kept'],
        );
        assert.deepEqual(pick([list[0]], 'op', 'table', 'schema', 'unchanged'), [
            { op: 'message', table: undefined, schema: undefined, unchanged: [] },
        ]);
    });

    it('of any bytes and any length come', async (t) => {
        const shown = await show(t, 'create table r (id int primary key)', ['r'], { files: { 'messages.lua': SCRIPT } });
        const list = await shown.after(`${say("repeat('é', 200000)")}; ${say("'\\x41ff0042c3'::bytea")}`, 2);
        assert.equal(list[0].content, 'é'.repeat(200000));
        assert.equal(list[1].content, 'A\ufffd\u0000B\ufffd');
    });

    it("without a script are nobody's", async (t) => {
        const shown = await show(t, 'create table r (id int primary key)', ['r']);
        const list = await shown.after(`begin; ${say("'x'")}; insert into r values (1); commit; ${say("'y'")}`, 1);
        assert.deepEqual(list[0].new, { id: 1 });
    });
});

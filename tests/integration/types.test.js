// SPDX-License-Identifier: MIT
// Values of every type, from the server to the wire: put there as a whole row, and read by a script.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { suite } = require('./lib/expect.js');
const { show } = require('./lib/shown.js');

const TYPES = `
    create type mood as enum ('sad', 'so so', 'NULL', 'Zoë "q"');
    create domain positive as int check (value > 0);
    create domain more_positive as positive;
    create domain short as varchar(9);
    create domain flags as bool[];
    create type pair as (number int, "a text" text);
    create type span as range (subtype = float8);
    create domain instant as timestamptz;
    create domain document as jsonb`;

// Each case: type, literal, what goes out, its type in Lua. `element`: as an element of an array, where that differs.
const number = (type, text, value) => [type, text, value, 'number'];
const string = (type, text, value = text) => [type, text, value, 'string'];
const CASES = {
    integers: [
        number('int2', '-32768', -32768),
        number('int2', '32767', 32767),
        number('int4', '0', 0),
        number('int4', '-2147483648', -2147483648),
        number('int4', '2147483647', 2147483647),
        number('oid', '4294967295', 4294967295),
        string('int8', '-9223372036854775808'),
        string('int8', '7'),
    ],
    floats: [
        number('float4', '0.1', 0.1),
        number('float4', '16777216', 16777216),
        number('float4', '3.4028235e+38', 3.4028235e38),
        number('float4', '1e-45', 1e-45),
        number('float8', '0.30000000000000004', 0.30000000000000004),
        number('float8', '1e15', 1e15),
        number('float8', '9007199254740993', 9007199254740992),
        number('float8', '1e21', 1e21),
        number('float8', '1e-7', 1e-7),
        number('float8', '5e-324', 5e-324),
        number('float8', '1.7976931348623157e308', Number.MAX_VALUE),
        number('float8', '-2.5', -2.5),
        number('float8', '-0', 0),
        ...['float4', 'float8'].flatMap((type) => ['NaN', 'Infinity', '-Infinity'].map((text) => string(type, text))),
    ],
    numerics: [
        string('numeric', '0'),
        string('numeric', '12.50'),
        string('numeric(20,4)', '-1', '-1.0000'),
        string('numeric', `1${'0'.repeat(200)}.000000000000000000001`),
        string('numeric', '1e30', `1${'0'.repeat(30)}`),
        ...['NaN', 'Infinity', '-Infinity'].map((text) => string('numeric', text)),
        string('money', '-1234.5', '-$1,234.50'),
    ],
    booleans: [
        ['bool', 'on', true, 'boolean'],
        ['bool', 'no', false, 'boolean'],
    ],
    texts: [
        string('text', ''),
        string('text', 'it\'s "é" 😀\n\t\r\\ {},(;) \u0001\u007f\u2028 </script>'),
        string('text', 'NULL'),
        string('text', 'null'),
        string('text', '{1,NULL}'),
        string('char(5)', 'ab', 'ab   '),
        string('char', 'é'),
        string('"char"', 'x'),
        string('varchar', ' a '),
        string('varchar(3)', 'äöü'),
        string('name', 'a b'),
        string('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
        string('bytea', '\\x', '\\x'),
        string('bytea', '\\x00FF5c22', '\\x00ff5c22'),
        string('bit(3)', '101'),
        string('xml', '<a b="1">é</a>'),
        string('tsvector', "'a':1 'b':2"),
    ],
    times: [
        string('date', '2025-12-31'),
        string('date', '0044-03-15 BC'),
        string('date', '10000-01-01'),
        string('date', 'infinity'),
        string('time', '04:05:06.789'),
        string('time', '24:00:00'),
        string('timetz', '04:05:06.5+05:30'),
        string('interval', '1 year 2 months -3 days 04:05:06.5', '1 year 2 mons -3 days +04:05:06.5'),
        string('interval', '0', '00:00:00'),
    ],
    timestamps: [
        ...['timestamp', 'timestamptz'].flatMap((type) => {
            const [zone, iso] = type === 'timestamptz' ? ['+00', 'Z'] : ['', ''];
            const at = (text, value) => string(type, text + zone, value + iso);
            const kept = (text, written = text) => string(type, written, text);
            return [
                at('2025-11-09 12:00:00', '2025-11-09T12:00:00.000'),
                at('2025-11-09 12:00:00.1', '2025-11-09T12:00:00.100'),
                at('2025-11-09 12:00:00.12', '2025-11-09T12:00:00.120'),
                at('2025-11-09 12:00:00.123', '2025-11-09T12:00:00.123'),
                at('2025-11-09 12:00:00.1234', '2025-11-09T12:00:00.123400'),
                at('2025-11-09 12:00:00.12345', '2025-11-09T12:00:00.123450'),
                at('2025-11-09 12:00:00.123456', '2025-11-09T12:00:00.123456'),
                at('2025-11-09 12:00:00.000001', '2025-11-09T12:00:00.000001'),
                at('0001-01-01 00:00:00', '0001-01-01T00:00:00.000'),
                at('9999-12-31 23:59:59.999999', '9999-12-31T23:59:59.999999'),
                at('2024-02-29 23:59:60', '2024-03-01T00:00:00.000'),
                kept(`10000-01-01 00:00:00.5${zone}`),
                kept(`294276-12-31 23:59:59${zone}`),
                kept(`0044-03-15 12:00:00.25${zone} BC`),
                kept('infinity'),
                kept('-infinity'),
            ];
        }),
        string('timestamptz', '2025-06-07 08:09:10.5+05:30', '2025-06-07T02:39:10.500Z'),
        string('timestamptz', '1800-01-01 00:00:00+00:19:32', '1799-12-31T23:40:28.000Z'),
        string('timestamptz(0)', '2025-06-07 08:09:10.5+00', '2025-06-07T08:09:11.000Z'),
        string('instant', '2025-06-07 08:09:10+00', '2025-06-07T08:09:10.000Z'),
    ],
    networks: [
        string('inet', '192.168.0.1/24'),
        string('inet', '::1'),
        string('cidr', '10.0.0.0/8'),
        string('macaddr', '08:00:2b:01:02:03'),
    ],
    geometry: [string('point', '(1,2)'), string('box', '(2,2),(1,1)'), string('circle', '<(1,2),3>')],
    'types of their own': [
        string('mood', 'so so'),
        string('mood', 'NULL'),
        string('mood', 'Zoë "q"'),
        number('positive', '7', 7),
        number('more_positive', '8', 8),
        string('short', 'é"\\'),
        string('pair', '(1,"a ""b"", \\\\c")'),
        string('pair', '(,)'),
        string('int4range', '[1,5)'),
        string('int4range', 'empty'),
        string('tstzrange', '[2025-01-01 00:00:00+00,)', '["2025-01-01 00:00:00+00",)'),
        string('int4multirange', '{[1,5),[7,9)}'),
        string('span', '[0.1,1e+30]'),
    ],
};

// What arrays of these types cannot say. The protocol does not tell what a domain over the elements is of.
const OF_DOMAINS = { positive: String, more_positive: String, instant: () => '2025-06-07 08:09:10+00' };
const NO_LISTS = ['box']; // their delimiter is no comma: they stay text

const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const column = (name) => name.replaceAll(' ', '_');
const columns = (cases) => cases.map((_, i) => `c${i}`);
const definitions = (cases, end = '') => cases.map(([type], i) => `c${i} ${type}${end}`).join(', ');
const named = (cases, value) => Object.fromEntries(cases.map((each, i) => [`c${i}`, value(...each)]));

describe('a value of the', () => {
    const owner = suite();
    let shown;
    before(async () => {
        const groups = Object.entries(CASES).map(([name, cases]) => [column(name), cases]);
        const tables = groups.flatMap(([name, cases]) => [
            `create table ${name} (id int primary key, ${definitions(cases)})`,
            `create table ${name}_arrays (id int primary key, ${definitions(cases, '[]')})`,
        ]);
        const names = groups.flatMap(([name]) => [name, `${name}_arrays`]);
        shown = await show(owner, `${TYPES}; ${tables.join('; ')}`, names);
    });

    for (const [group, cases] of Object.entries(CASES)) {
        const table = column(group);

        it(group, async () => {
            const values = cases.map(([type, text]) => `${quote(text)}::${type}`);
            const [data] = await shown.after(`insert into ${table} values (1, ${values.join(', ')})`, 1);
            assert.deepEqual(data.new, { id: 1, ...named(cases, (type, text, value) => value) });
            assert.deepEqual(data.read.values, data.new);
            assert.deepEqual(data.read.types, { id: 'number', ...named(cases, (type, text, value, lua) => lua) });
            assert.deepEqual(data.read.names, ['id', ...columns(cases)]);
            assert.deepEqual(shown.failures, []);
        });

        it(`${group}, each NULL`, async () => {
            const [plain, arrays] = await shown.after(
                `insert into ${table} (id) values (2); insert into ${table}_arrays (id) values (2)`,
                2,
            );
            for (const data of [plain, arrays]) {
                assert.deepEqual(data.new, { id: 2, ...named(cases, () => null) });
                assert.deepEqual(data.read, { names: ['id'], values: { id: 2 }, types: { id: 'number' } });
                assert.deepEqual(Object.keys(data.new), ['id', ...columns(cases)]);
            }
        });

        it(`${group}, in arrays`, async () => {
            const values = cases.map(([type, text]) => `array[${quote(text)}, null, ${quote(text)}]::${type}[]`);
            const [data] = await shown.after(`insert into ${table}_arrays values (1, ${values.join(', ')})`, 1);
            const list = (type, text, value) => {
                const element = OF_DOMAINS[type]?.(value) ?? value;
                return NO_LISTS.includes(type) ? `{${text};NULL;${text}}` : [element, null, element];
            };
            assert.deepEqual(data.new, { id: 1, ...named(cases, list) });
            assert.deepEqual(data.read.values, data.new);
            const types = named(cases, (type) => (NO_LISTS.includes(type) ? 'string' : 'table'));
            assert.deepEqual(data.read.types, { id: 'number', ...types });
            assert.deepEqual(shown.failures, []);
        });
    }
});

describe('an array', () => {
    const owner = suite();
    let shown;
    const array = async (type, literal) => {
        const [data] = await shown.after(`truncate lists; insert into lists (${type}) values (${quote(literal)})`, 2).then(
            (all) => all.slice(1),
        );
        assert.deepEqual(data.read.values[type], data.new[type]);
        return data.new[type];
    };
    before(async () => {
        shown = await show(
            owner,
            `${TYPES}; create table lists
                (id int generated always as identity primary key, i int[], t text[], f flags, j jsonb[], k json[], v int2vector)`,
            ['lists'],
        );
    });

    it('that is empty is an empty list', async () => {
        assert.deepEqual(await array('i', '{}'), []);
        assert.deepEqual(await array('t', '{}'), []);
        assert.deepEqual(await array('f', '{}'), []);
    });

    it('of arrays is a list of lists', async () => {
        assert.deepEqual(await array('i', '{{1,2},{NULL,4}}'), [
            [1, 2],
            [null, 4],
        ]);
        assert.deepEqual(await array('i', '{{{{{{1}}}}}}'), [[[[[[1]]]]]]);
        assert.deepEqual(await array('t', '{{"{","}"},{"a,b",NULL}}'), [
            ['{', '}'],
            ['a,b', null],
        ]);
    });

    it('may begin anywhere', async () => {
        assert.deepEqual(await array('i', '[0:2]={1,2,3}'), [1, 2, 3]);
        assert.deepEqual(await array('i', '[-5:-4][7:8]={{1,2},{3,4}}'), [
            [1, 2],
            [3, 4],
        ]);
        assert.deepEqual(await array('t', '[2:3]={"[1:2]={x}",NULL}'), ['[1:2]={x}', null]);
    });

    it('keeps quotes, braces, backslashes, blanks and the text NULL', async () => {
        const texts = ['"', '\\', '\\"', '{}', '{', ',', '', ' ', ' a ', 'NULL', 'null'];
        texts.push('\n', 'é😀', "'", '\\\\', 'a"b\\c{d}e,f');
        const quoted = texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`);
        assert.deepEqual(await array('t', `{${quoted.join(',')},NULL}`), [...texts, null]);
    });

    it('may be long', async () => {
        const [, data] = await shown.after(
            'truncate lists; insert into lists (i) select array_agg(n) from generate_series(1, 50000) n',
            2,
        );
        assert.deepEqual(data.new.i, [...Array(50000).keys()].map((i) => i + 1));
        assert.deepEqual(data.read.values.i, data.new.i);
    });

    it('of a domain is one too', async () => {
        assert.deepEqual(await array('f', '{t,f,NULL}'), [true, false, null]);
    });

    it('that is none to the server is its text', async () => {
        assert.equal(await array('v', '1 2'), '1 2');
    });

    it('of JSON keeps each document byte for byte', async () => {
        const documents = ['{"b": 12345678901234567890, "a": 1.50}', '[]', '{}', 'null', '"x"', '1e400'];
        for (const [column, all] of [
            ['k', documents],
            ['j', documents.slice(0, -1)],
        ]) {
            const list = all.map((text) => `${quote(text)}`).join(', ');
            const insert = `insert into lists (${column}) values (array[${list}, null]::${column === 'k' ? 'json' : 'jsonb'}[])`;
            const [data] = await shown.after(insert, 1);
            const kept = column === 'k' ? all : ['{"a": 1.50, "b": 12345678901234567890}', ...all.slice(1)];
            assert.ok(shown.texts[0].includes(`"${column}":[${kept.join(',')},null]`), shown.texts[0]);
            assert.deepEqual(data.read.values[column].slice(0, 5), [{ a: 1.5, b: '12345678901234567890' }, [], {}, null, 'x']);
        }
    });
});

describe('JSON', () => {
    const owner = suite();
    let shown;
    const DOCUMENTS = [
        'null',
        'true',
        '"a \\"b\\" \\u00e9 😀 \\n"',
        '[]',
        '{}',
        '[[],{},[{}],null]',
        '{"": null, "a": [], "b": {}}',
        '0',
        '-0.0',
        '1.50',
        '12345678901234567890.10',
        '9007199254740993',
        '[0.1, 100, 1e3]',
    ];
    const READ = [
        [null, 'nil'],
        [true, 'boolean'],
        ['a "b" é 😀 \n', 'string'],
        [[], 'table'],
        [{}, 'table'],
        [[[], {}, [{}], null], 'table'],
        [{ '': null, a: [], b: {} }, 'table'],
        [0, 'number'],
        [0, 'number'],
        [1.5, 'number'],
        ['12345678901234567890.10', 'string'],
        ['9007199254740993', 'string'],
        [[0.1, 100, 1000], 'table'],
    ];
    before(async () => {
        const names = DOCUMENTS.map((_, i) => `c${i}`);
        const table = (type) => `create table ${type}s (id int primary key, ${names.map((name) => `${name} ${type}`).join()})`;
        const types = ['json', 'jsonb', 'document'];
        const tables = types.map((type) => `${type}s`);
        shown = await show(owner, `${TYPES}; ${types.map(table).join(';')}`, tables);
    });

    for (const type of ['json', 'jsonb', 'document']) {
        it(`of the type ${type} goes out byte for byte, and is read`, async () => {
            const [data] = await shown.after(
                `insert into ${type}s values (1, ${DOCUMENTS.map(quote).join(', ')}); select * from ${type}s`,
                1,
            );
            const printed = (await shown.database.sql(`select * from ${type}s`))[0].split('|').slice(1);
            const whole = `"new":{"id":1,${printed.map((text, i) => `"c${i}":${text}`).join(',')}}`;
            assert.ok(shown.texts[0].includes(whole), `${whole}\n${shown.texts[0]}`);
            READ.forEach(([value, lua], i) => {
                assert.equal(data.read.types[`c${i}`], lua === 'nil' ? 'userdata' : lua, DOCUMENTS[i]);
                const text = JSON.stringify(data.read.values[`c${i}`]);
                assert.equal(text.replace('-0', '0'), JSON.stringify(value), DOCUMENTS[i]);
            });
        });
    }

    it('keeps its blanks, its order and its doubles', async () => {
        const text = '{ "b":1,\n\t"a" : [ 1 , 2.0 ],"b":2, "n": 1E5, "u": "\\u0041\\/" }';
        await shown.after(`insert into jsons (id, c0) values (2, ${quote(text)})`, 1);
        assert.ok(shown.texts[0].includes(`"new":{"id":2,"c0":${text},"c1":null`), shown.texts[0]);
        assert.ok(shown.texts[0].includes('"values":{"c0":{"a":[1,2],"b":2,"n":100000,"u":"A/"},"id":2}'), shown.texts[0]);
    });
});

describe('text of another encoding', () => {
    it('comes as UTF-8', async (t) => {
        const shown = await show(t, 'create table "é" (id int primary key, "ü" text, j json)', ['é'], { encoding: 'LATIN1' });
        const [data] = await shown.after(`insert into "é" values (1, 'äöü ß', '{"ä": "ö"}')`, 1);
        assert.deepEqual(data.new, { id: 1, ü: 'äöü ß', j: { ä: 'ö' } });
        assert.deepEqual(data.read.values, data.new);
    });

    it('comes from a database without one, whose bytes may be no UTF-8', async (t) => {
        const shown = await show(
            t,
            'create table raw (id int primary key, "véw" text, a text[], j json, k json[])',
            ['raw'],
            { encoding: 'SQL_ASCII' },
        );
        const bytes = "E'<\\xe9>é'";
        const [data] = await shown.after(
            `insert into raw values (1, ${bytes}, array[${bytes}, 'b'],
                ('["' || ${bytes} || '"]')::json, array[('"' || ${bytes} || '"')::json])`,
            1,
        );
        assert.deepEqual(data.new, { id: 1, véw: '<\ufffd>é', a: ['<\ufffd>é', 'b'], j: ['<\ufffd>é'], k: ['<\ufffd>é'] });
        assert.deepEqual(data.read.values, data.new);
    });
});

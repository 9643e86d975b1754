// SPDX-License-Identifier: MIT
// rowcast check: what it finds in scripts, all of it in one run, each at its place.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { run, folder, scriptFolder, writeFiles, ROOT, SCRIPTS } = require('./lib/rowcast.js');
const { Database } = require('./lib/database.js');

const SESSION = path.join(ROOT, 'examples', 'market', 'session.jsonl');

// Runs it over these files; what it says of them, without the folder's name.
async function check(t, files, { args = [], env, shipped = false } = {}) {
    const scripts = scriptFolder(t, { files, shipped });
    const { code, stdout, stderr } = await run(['check', '--scripts', scripts, ...args], { env });
    const lines = stderr.trimEnd().split('\n');
    const closing = lines.pop();
    const findings = lines.map((line) => line.replace(`${scripts}/`, ''));
    return { code, stdout, stderr, findings, closing };
}

// There are exactly these findings: "tables/t.lua:3" with what it must say.
async function finds(t, files, expected, options) {
    const { code, findings, closing, stderr } = await check(t, files, options);
    assert.equal(code, 78, stderr);
    assert.equal(findings.length, expected.length, stderr);
    for (const [at, [place, sentence]] of expected.entries()) {
        assert.ok(findings[at].startsWith(`${place}: `), `${place} is expected: ${findings[at]}`);
        assert.match(findings[at], sentence);
    }
    assert.match(closing, new RegExp(`^rowcast: ${expected.length} findings? in `));
}

async function isFine(t, files, options) {
    const { code, stdout, stderr } = await check(t, files, options);
    assert.deepEqual([code, stderr], [0, ''], stderr);
    assert.match(stdout, /: fine, /);
}

const handler = (body, head = 'insert = function(new, ctx)') => `return {\n${head}\n${body}\nend }\n`;

describe('rowcast check, without a database', () => {
    it('tells everything in one run, by file and line', (t) =>
        finds(
            t,
            {
                'client.lua': 'return {\n  conect = function() end,\n  mesage = function() end,\n}',
                'tables/a.lua': 'return {\n  udpate = function() end,\n  insert = 7,\n}',
                'tables/b.lua': 'return {\n\n  insert = = 1\n}',
                'tables/c.lua': 'local x\nreturn x.y',
            },
            [
                ['client.lua:2', /'conect'.*did you mean 'connect'/],
                ['client.lua:3', /'mesage'.*did you mean 'message'/],
                ['tables/a.lua:2', /'udpate'.*did you mean 'update'/],
                ['tables/a.lua:3', /'insert' is a number; a function is expected/],
                ['tables/b.lua:3', /unexpected symbol near '='/],
                ['tables/c.lua:2', /attempt to index local 'x'/],
            ],
        ));

    it('finds clocks, randomness and the rest of the machine, wherever they stand', (t) =>
        finds(
            t,
            {
                'lib/unused.lua': 'return function()\n  return os.clock()\nend',
                'tables/t.lua': handler(`
                    if new.never == "so" then
                        local now, dice = os.time(), math.random(6)
                        io.write(now, dice)
                    end
                    local text = string.dump(print)
                    return { type = "a", topic = "b", text = text }`),
            },
            [
                ['lib/unused.lua:2', /'os\.clock'.*no clock.*ctx\.time/],
                ['tables/t.lua:5', /'math\.random'.*no randomness/],
                ['tables/t.lua:5', /'os\.time'.*no clock/],
                ['tables/t.lua:6', /'io\.write'/],
                ['tables/t.lua:8', /'string\.dump'/],
            ],
        ));

    it('finds globals that are written, and names that nothing sets', (t) =>
        finds(
            t,
            {
                'tables/t.lua': handler('count = 1\nlocal n = tonubmer(new.n)\nreturn { type = "a", topic = "b", n = n, count = count }'),
            },
            [
                ['tables/t.lua:3', /global 'count' is written.*local/],
                ['tables/t.lua:4', /'tonubmer'.*did you mean 'tonumber'/],
            ],
        ));

    it('looks at what is loaded only', (t) =>
        isFine(t, { 'seed.lua': 'print(os.time())', 'tables/.a.lua.swp': 'x = 1', 'tables/a.lua': handler('return nil') }));

    it('finds events that the core refuses', (t) =>
        finds(
            t,
            {
                'tables/a.lua': handler('return { type = "a", data = new.id }'),
                'tables/b.lua': handler('return { topic = new.id }'),
                'tables/c.lua': handler('return "c"'),
                'tables/d.lua': handler('return { type = "a", topic = new.id, id = 7 }'),
                'tables/e.lua': handler('if old.a == new.a then return { { type = "a", topic = "b" }, 7 } end', 'update = function(new, old)'),
                'client.lua': 'return {\n connect = function(client)\n return { sned = {} } end,\n formats = { f = function(event) return 7 end } }',
            },
            [
                ['client.lua:2', /the hook returned .*sned|without send/],
                ['client.lua:4', /the format returned neither nil nor a string nor a table/],
                ['tables/a.lua:2', /an event without 'topic'/],
                ['tables/b.lua:2', /an event without 'type'/],
                ['tables/c.lua:2', /returned a string/],
                ['tables/d.lua:2', /sets 'id'/],
                ['tables/e.lua:2', /a list with a number in it/],
            ],
        ));

    it('does not blame a script for rows that nobody has', (t) =>
        isFine(t, {
            'tables/a.lua': handler(
                'local kinds = { buy = { type = "bought", topic = "shop" } }\nlocal kind = kinds[new.kind]\nif not kind then error("no such kind") end\nreturn kind',
            ),
            'tables/b.lua': handler('local topics = { north = "n" }\nreturn { type = "a", topic = topics[new.place] }'),
            'tables/c.lua': handler('return { type = "a", topic = new.tags[1].name.first }'),
        }));

    it('finds state that is kept from row to row', (t) =>
        finds(
            t,
            { 'tables/t.lua': `local n = 0\n${handler('n = n + 1\nreturn { type = "a", topic = "b", n = n }')}` },
            [['tables/t.lua:3', /the same row made other bytes/]],
        ));

    it('runs recorded rows, which prove more', async (t) => {
        const files = { 'tables/trades.lua': handler('return { type = "t", topic = new.market_id .. new.nothing }') };
        await isFine(t, files);
        const { code, findings } = await check(t, files, { args: ['--rows', SESSION] });
        assert.equal(code, 78);
        assert.match(findings[0], /^tables\/trades\.lua:3: attempt to concatenate field 'nothing'.*insert public\.trades id=\d+/);
    });

    it('is content with the scripts that are shipped, and with a recorded session', async (t) => {
        const { code, stdout, stderr } = await run(['check', '--scripts', SCRIPTS, '--rows', SESSION]);
        assert.deepEqual([code, stderr], [0, '']);
        assert.match(stdout, /200 recorded transactions/);
        await isFine(t, {}, { shipped: true });
    });

    it('says where config.lua is wrong', async (t) => {
        const { code, stderr } = await check(t, { 'config.lua': 'return {\n\n  max_mesage = "1KiB",\n}' });
        assert.equal(code, 78);
        assert.match(stderr, /config\.lua:3: .*max_mesage.*did you mean 'max_message'/);
    });

    it('says which file of rows is wrong', async (t) => {
        const rows = path.join(folder(t), 'rows.jsonl');
        fs.writeFileSync(rows, '\nnonsense\n');
        const { code, stderr } = await run(['check', '--rows', rows]);
        assert.notEqual(code, 0);
        assert.match(stderr, /rows\.jsonl:2: /);
    });
});

describe('rowcast check --specs', () => {
    it('runs the shipped specs in the core, which agrees with them', async () => {
        const { code, stdout, stderr } = await run(['check', '--specs']);
        assert.deepEqual([code, stderr], [0, '']);
        const [, count] = /(\d+) tests of spec pass in the core/.exec(stdout);
        assert.ok(count > 100, stdout);
        const elsewhere = await run(['check', '--scripts', SCRIPTS, '--specs', path.join(ROOT, 'spec')]);
        assert.equal(elsewhere.code, 0, elsewhere.stderr);
        assert.match(elsewhere.stdout, new RegExp(`\\b${count} tests`));
    });

    it('tells what fails, also where plain Lua would not, by file and line', async (t) => {
        const scripts = scriptFolder(t, {
            files: {
                'tables/t.lua': handler(
                    'if new.n == 3 then error("three") end\nreturn { type = "t", topic = "a", n = new.n, tags = rowcast.array {}, row = new }',
                ),
            },
        });
        const project = path.dirname(scripts);
        writeFiles(project, {
            'spec/helper.lua': fs.readFileSync(path.join(ROOT, 'spec/helper.lua'), 'utf8'),
            'spec/helper_spec.lua': 'error "is not run"',
            'spec/broken_spec.lua': 'describe("x", function(\n',
            'spec/tables/t_spec.lua': `local helper = require "spec.helper"
local function made(n)
  return helper.commit({ { op = "insert", table = "t", new = { n = n, none = rowcast.null } } })[1]
end
describe("t", function()
  local count
  before_each(function() count = 1 end)
  it("is as it should be", function()
    count = count + 1
    assert.are.equal(2, count)
    assert.same({ n = 1, none = rowcast.null }, made(1).row)
    assert.is_true(helper.is_array(made(1).tags))
    assert.is_not_nil(made(1).type)
    assert.has_error(function() made(3) end, "three")
    assert.has_no.errors(function() made(2) end)
    assert.is.truthy(1)
    assert.are_not.same({ 1 }, { 2 })
    assert.matches("^t$", made(1).type)
  end)
  it("is not", function()
    assert.are.same({ n = 2 }, { n = made(1).n })
  end)
  it("raises", function()
    made(3)
  end)
  it("is what plain Lua says", function()
    assert.matches("table: 0x", tostring({}))
  end)
  pending("is not there yet")
end)
`,
        });
        const { code, stderr } = await run(['check', '--scripts', scripts, '--specs', path.join(project, 'spec')]);
        assert.equal(code, 78);
        const said = stderr.split('\n');
        assert.match(said[0], /^spec\/broken_spec\.lua:\d+: /);
        assert.match(said[1], /^spec\/tables\/t_spec\.lua:3: t raises: scripts\/tables\/t\.lua:3: three$/);
        assert.match(said[2], /^spec\/tables\/t_spec\.lua:21: t is not: expected \{ n = 2 \}, got \{ n = 1 \}$/);
        assert.match(said[3], /^spec\/tables\/t_spec\.lua:27: t is what plain Lua says: /);
        assert.match(said[4], /^rowcast: 4 findings/);
    });

    it('ends what does not end, and says where specs are not', async (t) => {
        const scripts = scriptFolder(t, { shipped: true });
        const project = path.dirname(scripts);
        writeFiles(project, { 'spec/a_spec.lua': 'it("x", function() while true do end end)' });
        const specs = path.join(project, 'spec');
        const endless = await run(['check', '--scripts', scripts, '--specs', specs]);
        assert.equal(endless.code, 78);
        assert.match(endless.stderr, /^spec\/a_spec\.lua:1: x: .*ran for too long; the specs behind it were not run$/m);
        assert.equal((await run(['check', '--specs', scripts])).code, 78);
        assert.equal((await run(['check', scripts])).code, 2);
    });
});

describe('rowcast check, with a database', () => {
    const inDatabase = (database) => ({ env: { DATABASE_URL: database.url } });

    it('is content when all is in place, with rows and without', async (t) => {
        const database = await Database.create(t);
        await isFine(t, {}, { shipped: true, ...inDatabase(database) });
        await database.sql(`
            insert into markets (id, question, state, b, yes_shares, no_shares) values ('a', 'Really?', 'ACTIVE', 100, 1, 2);
            insert into trades (market_id, user_wallet, trade_type, outcome, shares, cost) values ('a', 'w', 'buy', true, 1.5, 7)`);
        await isFine(t, {}, { shipped: true, ...inDatabase(database) });
    });

    it('finds columns that the table does not have', async (t) => {
        const database = await Database.create(t);
        await finds(
            t,
            {
                'lib/of.lua': 'return function(row, name) return row[name] end',
                'tables/trades.lua': `local of = require "lib.of"\n${handler(`
                    if new.trade_tipe == "nothing of the kind" then return { type = "x", topic = new.markt_id } end
                    local shares = of(new, "share")
                    return { type = "trade", topic = new.market_id, zzz = new.zzz, shares = shares }`)}`,
            },
            [
                ['tables/trades.lua:5', /public\.trades has no column 'markt_id'; did you mean 'market_id'/],
                ['tables/trades.lua:5', /no column 'trade_tipe'; did you mean 'trade_type'/],
                ['tables/trades.lua:6', /no column 'share'; did you mean 'shares'/],
                ['tables/trades.lua:7', /no column 'zzz'$/],
            ],
            inDatabase(database),
        );
    });

    it('finds old columns that the replica identity does not send', async (t) => {
        const database = await Database.create(t);
        const files = {
            'tables/votes.lua': `return {
                update = function(new, old)
                    if old and old.vote ~= new.vote then return { type = "v", topic = "v" .. old.id } end
                end,
                delete = function(old)
                    return { type = "gone", topic = "v", wallet = old.user_wallet }
                end,
            }`,
        };
        const sentence = /'(vote|user_wallet)' of old.*public\.votes is: primary key.*ALTER TABLE "public"\."votes" REPLICA IDENTITY FULL/;
        await finds(t, files, [['tables/votes.lua:3', sentence], ['tables/votes.lua:6', sentence]], inDatabase(database));
        await database.sql('alter table votes replica identity full');
        await isFine(t, files, inDatabase(database));
    });

    it('finds tables that are missing, misspelled, not published, or cannot be', async (t) => {
        const database = await Database.create(t, {
            schema: `create table trades (id int primary key); create table loose (id int); create view seen as select 1 as id;
                create schema depot; create table depot.bays (id int primary key)`,
            setup: false,
        });
        const script = handler('return { type = "a", topic = "b" }');
        const files = Object.fromEntries(
            ['depot.bay', 'loose', 'nothing', 'seen', 'trades'].map((name) => [`tables/${name}.lua`, script]),
        );
        await finds(
            t,
            files,
            [
                ['tables/depot.bay.lua:1', /no table depot\.bay .*did you mean depot\.bays\?/],
                ['tables/loose.lua:1', /no usable replica identity.*--identity-full/],
                ['tables/loose.lua:1', /no publication "rowcast"; rowcast db setup/],
                ['tables/nothing.lua:1', /no table public\.nothing/],
                ['tables/seen.lua:1', /is a view/],
                ['tables/trades.lua:1', /no publication "rowcast"; rowcast db setup/],
            ],
            inDatabase(database),
        );
        await database.sql('create publication rowcast for table depot.bays');
        await finds(
            t,
            { 'tables/trades.lua': script },
            [['tables/trades.lua:1', /not in the publication "rowcast"; rowcast db setup/]],
            inDatabase(database),
        );
    });

    it('tries the rows that are there', async (t) => {
        const database = await Database.create(t);
        const files = {
            'tables/discussions.lua': handler('local topics = { b = "b" }\nreturn { type = "a", topic = topics[new.market_id] }'),
        };
        await isFine(t, files, inDatabase(database));
        await database.sql("insert into discussions (id, market_id, user_wallet, content) values ('d1', 'a', 'w', 'text')");
        await finds(
            t,
            files,
            [['tables/discussions.lua:2', /without 'topic'.*insert public\.discussions id=d1/]],
            inDatabase(database),
        );
    });

    it('says that the database is away, and what it found nevertheless', async (t) => {
        const env = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' };
        const away = await check(t, {}, { shipped: true, env });
        assert.equal(away.code, 69, away.stderr);
        assert.match(away.stderr, /127\.0\.0\.1/);
        const both = await check(t, { 'tables/a.lua': 'return { insrt = print }' }, { env });
        assert.equal(both.code, 78);
        assert.match(both.findings[0], /did you mean 'insert'/);
    });
});

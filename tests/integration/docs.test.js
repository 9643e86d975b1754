// SPDX-License-Identifier: MIT
// What docs/ shows is what happens: transcripts are played against the real server, example scripts are run.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { WebSocket } = require('./lib/client.js');
const { suite, until, atEnd } = require('./lib/expect.js');
const { Database } = require('./lib/database.js');
const { marketFeed, text: feedText } = require('./lib/feed.js');
const { serve, run, scriptFolder, writeFiles, ROOT } = require('./lib/rowcast.js');
const { trades, costs, range } = require('./lib/rows.js');

// The fenced blocks of a page: { kind, text, line }.
function blocks(page) {
    const found = [];
    let open;
    for (const [at, line] of fs
        .readFileSync(path.join(ROOT, 'docs', page), 'utf8')
        .split('\n')
        .entries()) {
        const fence = /^```(\w*)(?: .*)?$/.exec(line);
        if (fence && open) open = undefined;
        else if (fence) found.push((open = { kind: fence[1], text: '', line: at + 1 }));
        else if (open) open.text += `${line}\n`;
    }
    assert.equal(open, undefined, `${page}: a block does not end`);
    return found;
}

// What was seen, with `…` wherever the page has it in a string.
function blurred(shown, seen) {
    if (typeof shown === 'string' && typeof seen === 'string' && shown.includes('…')) {
        const parts = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
        return new RegExp(`^${parts.join('.+')}$`, 's').test(seen) ? shown : seen;
    }
    if (Array.isArray(shown) && Array.isArray(seen)) return seen.map((value, at) => blurred(shown[at], value));
    if (typeof shown === 'object' && shown !== null && typeof seen === 'object' && seen !== null)
        return Object.fromEntries(Object.entries(seen).map(([key, value]) => [key, blurred(shown[key], value)]));
    return seen;
}

function assertShown(shown, seen, where) {
    const [page, real] = [JSON.parse(shown), JSON.parse(seen)];
    assert.deepEqual(blurred(page, real), page, `${where}: this came instead: ${seen}`);
}

// Plays a transcript of a page that begins behind this line.
async function play(rowcast, text, line, page = 'PROTOCOL.md') {
    const client = await rowcast.connect({ plain: true });
    if (!text.includes('"welcome"')) await client.next();
    for (const [at, step] of text.trimEnd().split('\n').entries()) {
        const where = `${page}:${line + 1 + at}`;
        if (step.startsWith('-> ')) client.send(step.slice(3));
        else if (step.startsWith('<- ')) assertShown(step.slice(3), await client.next(where), where);
        else assert.fail(`${where}: neither <- nor ->: ${step}`);
    }
    client.send('{"action":"ping"}');
    assert.match(await client.next(), /"pong"/, 'more came than the page shows');
}

describe('docs/PROTOCOL.md', () => {
    const owner = suite();
    let rowcast;
    before(async () => {
        rowcast = await serve(owner);
        await rowcast.logged('source_started');
    });
    const transcripts = blocks('PROTOCOL.md').filter(({ kind }) => kind === 'transcript');

    it('has transcripts', () => assert.ok(transcripts.length >= 5));

    for (const { text, line } of transcripts) {
        it(`tells the truth at line ${line}`, async () => {
            await play(rowcast, text, line);
        });
    }

    for (const { text, line } of blocks('PROTOCOL.md').filter(({ kind }) => kind === 'snapshot')) {
        it(`tells the truth of snapshots at line ${line}`, async (t) => {
            const database = await Database.create(t);
            await database.sql(`
                insert into markets (id, question, state, b) values ('market-123', 'Will it rain?', 'ACTIVE', 100);
                insert into trades (market_id, user_wallet, trade_type, outcome, shares, cost)
                    values ('market-123', '0xabc', 'buy', true, 1, 510000);
                insert into votes (market_id, user_wallet, vote_type, vote) values ('market-123', '0xabc', 'proposal', true)`);
            const reader = await serve(t, { database });
            await reader.logged('source_started');
            await play(reader, text, line);
        });
    }
});

describe('docs/SCRIPTING.md', () => {
    const all = blocks('SCRIPTING.md');
    const files = {};
    for (const { kind, text } of all) {
        const name = /^-- scripts\/(\S+\.lua)\n/.exec(text);
        if (kind === 'lua' && name) files[name[1]] = text;
    }

    it('has scripts that load', async (t) => {
        assert.ok(Object.keys(files).length >= 2, Object.keys(files).join());
        const { code, stdout, stderr } = await run(['check', '--scripts', scriptFolder(t, { files })]);
        assert.equal(code, 0, stdout + stderr);
    });

    const examples = all.filter(({ kind }) => kind === 'rows').map((rows) => [rows, all[all.indexOf(rows) + 1]]);
    for (const [rows, events] of examples) {
        it(`has rows that make the events of line ${events.line}`, async (t) => {
            assert.equal(events.kind, 'events', 'rows are followed by their events');
            const { code, stdout, stderr } = await run(['replay', '-', '--scripts', scriptFolder(t, { files })], {
                input: rows.text,
            });
            assert.deepEqual([code, stderr], [0, '']);
            const [shown, seen] = [events.text.trimEnd().split('\n'), stdout.trimEnd().split('\n')];
            assert.equal(seen.length, shown.length, stdout);
            for (const [at, line] of shown.entries()) assertShown(line, seen[at], `SCRIPTING.md:${events.line + 1 + at}`);
        });
    }

    // What is shown, up to a line "…" and behind it, is what is seen.
    function assertTranscript(block, seen) {
        const shown = block.text.trimEnd().split('\n');
        const lines = seen.trimEnd().split('\n');
        const gap = shown.indexOf('…');
        const count = gap < 0 ? shown.length : gap;
        const tail = shown.length - count - 1;
        const place = (at) => `SCRIPTING.md:${block.line + 1 + at}`;
        for (let at = 0; at < count; at++) assert.equal(blurred(shown[at], lines[at]), shown[at], place(at));
        for (let at = 1; at <= tail; at++) assert.equal(lines.at(-at), shown.at(-at), place(shown.length - at));
        if (gap < 0) assert.equal(lines.length, count);
    }

    it('has a change whose differences are shown', async (t) => {
        const change = all.find(({ kind }) => kind === 'change');
        const scripts = scriptFolder(t, { shipped: true });
        const file = path.join(scripts, 'tables/trades.lua');
        const [was, becomes] = ['-', '+'].map((sign) =>
            change.text
                .split('\n')
                .filter((line) => line.startsWith(sign))
                .map((line) => line.slice(1))
                .join('\n'),
        );
        const before = fs.readFileSync(file, 'utf8');
        assert.ok(before.includes(was), `${was} is not in trades.lua`);
        fs.writeFileSync(file, before.replace(was, becomes));
        const session = path.join(ROOT, 'examples/market/session.jsonl');
        const { code, stdout, stderr } = await run(['replay', session, '--diff', scripts]);
        assert.equal(code, 1, stderr);
        const differences = all.find(({ kind }) => kind === 'diff');
        assertTranscript(differences, (stdout + stderr).replace(scripts, 'new'));
    });

    it('has a session that is explained as shown', async () => {
        const { code, stdout } = await run(['replay', 'examples/market/session.jsonl', '--explain']);
        assert.equal(code, 0);
        assertTranscript(
            all.find(({ kind }) => kind === 'explain'),
            stdout,
        );
    });

    it('has a client.lua that does what it looks like', async (t) => {
        assert.ok(files['client.lua'] && examples.length > 0);
        const rowcast = await serve(t, { scripts: scriptFolder(t, { files }) });
        await rowcast.logged('source_started');
        const client = await rowcast.connect({ plain: true });
        assert.equal(JSON.parse(await client.next()).type, 'hello');
        client.send('depot-north');
        assert.equal(JSON.parse(await client.next()).topic, 'depot-north');
        assert.equal(await client.next(), 'done');
        rowcast.child.stdin.write(examples[0][0].text);
        for (const line of examples[0][1].text.trimEnd().split('\n')) assertShown(line, await client.next(), 'SCRIPTING.md');
    });

    it('has an action that is added to the shipped client.lua', async (t) => {
        const [action, introduced] = ['action', 'introduced'].map((kind) => all.find((block) => block.kind === kind));
        const shipped = fs.readFileSync(path.join(ROOT, 'scripts', 'client.lua'), 'utf8');
        const client = shipped.replace('\nreturn {\n', `\n${action.text}\nreturn {\n`);
        assert.notEqual(client, shipped);
        const rowcast = await serve(t, { scripts: scriptFolder(t, { shipped: true, files: { 'client.lua': client } }) });
        await rowcast.logged('source_started');
        await play(rowcast, introduced.text, introduced.line, 'SCRIPTING.md');
    });

    const specs = {};
    for (const { text } of all) {
        const name = /^-- (spec\/\S+\.lua)\n/.exec(text);
        if (name) specs[name[1]] = text;
    }
    const shown = (kind) => all.find((block) => block.kind === kind).text.trimEnd();

    // The page's specs beside its scripts, run by busted.
    function busted(owner, changed = {}, env = {}) {
        const project = path.dirname(scriptFolder(owner, { files }));
        writeFiles(project, { ...specs, ...changed });
        for (const name of ['.busted', 'spec/helper.lua', 'spec/coverage.lua'])
            fs.copyFileSync(path.join(ROOT, name), path.join(project, name));
        return spawnSync('busted', ['-o', 'plainTerminal'], {
            cwd: project,
            encoding: 'utf8',
            env: { ...process.env, ROWCAST_COVERAGE: '', ...env },
        });
    }

    it('has specs that pass', (t) => {
        const { status, stdout, stderr } = busted(t);
        assert.equal(status, 0, stdout + stderr);
        assert.match(stdout, /^3 successes/m);
    });

    it('shows how a spec that fails looks', (t) => {
        const name = 'spec/tables/bays_spec.lua';
        const { status, stdout } = busted(t, { [name]: specs[name].replace('{ id = 7,', '{ id = 8,') });
        assert.equal(status, 1, stdout);
        assert.ok(stdout.includes(shown('failure')), stdout);
    });

    it('shows how coverage looks', (t) => {
        const { stdout } = busted(t, {}, { ROWCAST_COVERAGE: '1' });
        assert.ok(stdout.includes(shown('coverage')), stdout);
    });
});

describe('docs/CLIENT_INTEGRATION.md', () => {
    // The page's client on a socket that can be cut. What it tells is in `events` and `told`.
    function follow(owner, url, options = {}) {
        const feed = { events: [], told: [], sockets: [] };
        class Cuttable extends WebSocket {
            constructor(...args) {
                super(...args);
                feed.sockets.push(this);
            }
        }
        Object.assign(
            feed,
            marketFeed(url, {
                event: (message) => feed.events.push(message),
                stale: (market, reason) => feed.told.push([market, reason]),
                WebSocket: Cuttable,
                ...options,
            }),
        );
        atEnd(owner, () => feed.close());
        return feed;
    }

    const arrived = (feed, count) =>
        until(
            `${count} events`,
            () => feed.events.length >= count,
            () => `${feed.events.length} came, told: ${JSON.stringify(feed.told)}`,
        );
    const told = (feed, count) =>
        until(
            `${count} words that the state is to be fetched`,
            () => feed.told.length >= count,
            () => JSON.stringify(feed.told),
        );

    it('has a client of at most 60 lines', () => assert.ok(feedText.trimEnd().split('\n').length <= 60));

    it('has a client that misses nothing when it is cut', async (t) => {
        const rowcast = await serve(t);
        const feed = follow(t, rowcast.url);
        for (const market of ['a', 'b']) feed.subscribe(market);
        await told(feed, 2);
        for (let round = 0; round < 5; round++) {
            feed.sockets.at(-1).terminate();
            rowcast.feed(...trades('a', round * 20, 20), ...trades('b', round * 20, 20));
            await arrived(feed, 40 * (round + 1));
        }
        for (const market of ['a', 'b'])
            assert.deepEqual(costs(feed.events.filter(({ market_id }) => market_id === market)), range(0, 100));
        assert.equal(feed.sockets.length, 6);
        assert.deepEqual(feed.told, [
            ['a', undefined],
            ['b', undefined],
        ]);
    });

    it('has a client that says when the state is to be fetched anew', async (t) => {
        const rowcast = await serve(t, { env: { ROWCAST_HISTORY: '64KiB' } });
        const feed = follow(t, rowcast.url);
        feed.subscribe('a');
        await told(feed, 1);
        const witness = await rowcast.connect();
        await witness.subscribe('a');
        feed.sockets[0].terminate();
        rowcast.feed(...trades('a', 0, 1000));
        await witness.events(1000);
        await told(feed, 2);
        assert.deepEqual(feed.told[1], ['a', 'expired']);
        rowcast.feed(...trades('a', 1000, 10));
        await arrived(feed, 10);
        assert.deepEqual(costs(feed.events).slice(-10), range(1000, 10));
    });

    it('has a client that notices silence, and keeps a quiet market young', async (t) => {
        const rowcast = await serve(t);
        const feed = follow(t, rowcast.url, { silence: 400 });
        feed.subscribe('a');
        await told(feed, 1);
        rowcast.signal('SIGSTOP');
        await until('another attempt', () => feed.sockets.length > 1);
        rowcast.signal('SIGCONT');
        rowcast.feed(...trades('a', 0, 3));
        await arrived(feed, 3);
        assert.deepEqual(costs(feed.events), range(0, 3));
        feed.unsubscribe('a');
        feed.subscribe('b');
        await told(feed, 2);
        rowcast.feed(...trades('a', 3, 1), ...trades('b', 4, 1));
        await arrived(feed, 4);
        assert.deepEqual(costs(feed.events), [0, 1, 2, 4]);
    });

    it('has a client that does not try again what was refused', async (t) => {
        const rowcast = await serve(t);
        const feed = follow(t, rowcast.url);
        feed.subscribe('a');
        await told(feed, 1);
        feed.sockets[0].send(Buffer.from([0xff]), { binary: false }); // no UTF-8
        await until('the end', () => feed.sockets[0].readyState === 3);
        await sleep(600); // longer than the first attempt could take to come
        assert.equal(feed.sockets.length, 1);
    });
});

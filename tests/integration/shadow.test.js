// SPDX-License-Identifier: MIT
// A candidate folder beside the live one: compared on live rows, delivered to nobody, in nobody's way.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { until, assertMatches } = require('./lib/expect.js');
const { serve, scriptFolder, writeFiles } = require('./lib/rowcast.js');
const { transaction, trade, vote } = require('./lib/rows.js');

// Its events tell the cost; `statement` has its say before.
const trades = (statement = '') => `return { insert = function(new)
    local cost = tonumber(new.cost)
    local event = { type = "trade", topic = new.market_id, market_id = new.market_id, data = { cost = cost } }
    ${statement}
    return event
end }
`;
const SCRIPTS = { shipped: true, files: { 'tables/trades.lua': trades() } };

async function shadowed(t, statement, options = {}) {
    const scripts = scriptFolder(t, SCRIPTS);
    const candidate = scriptFolder(t, { shipped: true, files: { 'tables/trades.lua': trades(statement) } });
    const rowcast = await serve(t, { scripts, args: ['--shadow', candidate], ...options });
    const client = await rowcast.connect();
    await client.subscribe('a');
    await rowcast.logged('shadow_loaded');
    return { scripts, candidate, rowcast, client };
}

// Waits until so many events of the table are judged, and gives all that the shadow says.
async function judged(rowcast, count, table = 'trades') {
    const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
    let shadow;
    const enough = async () => {
        ({ shadow } = await rowcast.status());
        return sum(shadow.tables[table]) >= count;
    };
    await until(`${count} events of ${table} judged`, enough, () => `${JSON.stringify(shadow)}\n${rowcast.story}`);
    assert.equal(sum(shadow.tables[table]), count);
    return shadow;
}

describe('a candidate folder in the shadow', () => {
    it('is compared, event by event', async (t) => {
        const statement = `
            if cost == 2 then event.data.fee = 1 end
            if cost == 3 then return nil end
            if cost == 4 then return { event, { type = "fee", topic = "a", data = {} } } end
            if cost == 5 then error("no five") end
            if cost == 6 then event.topic = { "a", "b" } end`;
        const { rowcast, client } = await shadowed(t, statement);
        rowcast.feed(transaction(1, trade('a', 1), trade('a', 2)), transaction(2, ...[3, 4, 5, 6, 7].map((n) => trade('a', n)), vote('a', 1)));
        const events = await client.events(8);
        assert.deepEqual(events.slice(0, 7).map(({ data }) => data), [1, 2, 3, 4, 5, 6, 7].map((cost) => ({ cost })));
        await client.expectNothing();

        const shadow = await judged(rowcast, 8);
        assert.deepEqual(shadow.tables, {
            trades: { same: 3, different: 2, missing: 1, extra: 1, error: 1 },
            votes: { same: 1, different: 0, missing: 0, extra: 0, error: 0 },
        });
        assert.equal(shadow.state, 'ok');
        const by = (result) => shadow.differences.filter((difference) => difference.result === result);
        assert.equal(shadow.differences.length, 5);
        const [fee, topics] = by('different');
        assertMatches(fee, { id: events[1].id, table: 'trades', key: 'id=2', shadow: /"cost":2,"fee":1/ });
        assert.deepEqual(JSON.parse(fee.live), events[1]);
        assertMatches(topics, { id: events[5].id, live_topics: 'a', shadow_topics: 'a\nb' });
        assertMatches(by('missing')[0], { id: events[2].id, key: 'id=3', shadow: null, live: /"cost":3/ });
        assertMatches(by('extra')[0], { key: 'id=4', live: null, shadow: /"type":"fee"/ });
        assertMatches(by('error')[0], { key: 'id=5', error: /tables\/trades\.lua:\d+: no five$/ });
        const metrics = await rowcast.metrics();
        for (const [result, count] of Object.entries(shadow.tables.trades))
            assert.equal(metrics[`rowcast_shadow_events_total{table="trades",result="${result}"}`], count);
        assert.equal(metrics['rowcast_script_errors_total{script="tables/trades.lua"}'], 0);
        assert.equal(metrics['rowcast_events_total{type="fee"}'], undefined);
        assert.equal((await rowcast.ready()).json.status, 'ok');
    });

    it('is loaded anew as it changes, broken or not, without a word at /ready', async (t) => {
        const { candidate, rowcast, client } = await shadowed(t, 'event.data.fee = 1');
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await judged(rowcast, 1)).tables.trades.different, 1);
        writeFiles(candidate, { 'tables/trades.lua': 'return {' });
        const { level, message } = await rowcast.logged('shadow_failed', { message: /trades\.lua:1: / });
        assert.equal(level, 'warn');
        assert.match(message, /tables\/trades\.lua:1: /);
        assert.match((await rowcast.status()).shadow.state, /tables\/trades\.lua:1: /);
        assert.deepEqual((await rowcast.ready()).json, { status: 'ok', checks: { source: 'ok', scripts: 'ok' } });
        rowcast.feed(transaction(2, trade('a', 2))); // the one before goes on
        assert.equal((await judged(rowcast, 2)).tables.trades.different, 2);
        writeFiles(candidate, { 'tables/trades.lua': trades() });
        await rowcast.logged('shadow_loaded', {}, 2);
        rowcast.feed(transaction(3, trade('a', 3)));
        const shadow = await judged(rowcast, 3);
        assert.deepEqual([shadow.tables.trades.same, shadow.differences], [1, []]);
        const metrics = await rowcast.metrics();
        assert.equal(metrics['rowcast_shadow_reloads_total{result="ok"}'], 2);
        assert.equal(metrics['rowcast_shadow_reloads_total{result="failed"}'], 1);
        assert.equal(metrics['rowcast_reloads_total{result="ok"}'], 0);
        await client.events(3);
    });

    it('may be none yet', async (t) => {
        const candidate = path.join(scriptFolder(t), 'later');
        const rowcast = await serve(t, { scripts: scriptFolder(t, SCRIPTS), env: { ROWCAST_SHADOW: candidate } });
        await rowcast.logged('shadow_failed', { message: /does not exist/ });
        rowcast.feed(transaction(1, trade('a', 1)));
        assert.equal((await rowcast.ready()).json.status, 'ok');
        assertMatches((await rowcast.status()).shadow, { hash: null, tables: {}, differences: [] });
        fs.mkdirSync(candidate);
        writeFiles(candidate, { 'tables/trades.lua': trades() });
        await rowcast.logged('shadow_loaded', { tables: 1 });
        rowcast.feed(transaction(2, trade('a', 2), vote('a', 1)));
        assert.equal((await judged(rowcast, 1, 'votes')).tables.votes.missing, 1);
    });

    it('holds up nobody when each row is too long for it, nor the end', async (t) => {
        const { rowcast, client } = await shadowed(t, 'while true do end');
        rowcast.feed(...Array.from({ length: 300 }, (_, i) => transaction(i, ...Array.from({ length: 10 }, (_, k) => trade('a', i * 10 + k)))));
        const events = await client.events(3000);
        assert.equal(events.at(-1).data.cost, 2999);
        await client.expectNothing();
        const { shadow } = await rowcast.status();
        assert.ok((shadow.tables.trades?.error ?? 0) < 3000, 'the clients did not wait for it');
    });

    it('says in the log whose words are whose', async (t) => {
        const { rowcast, client } = await shadowed(t, 'rowcast.log("info", "hello")');
        rowcast.feed(transaction(1, trade('a', 1)));
        await client.events(1);
        await rowcast.logged('shadow_log', { message: 'hello' });
        assert.equal(rowcast.lines('script_log').length, 0);
    });

    it('keeps little of what it cannot keep up with', async (t) => {
        const { rowcast, client } = await shadowed(t, 'while true do end');
        const large = { user_wallet: 'x'.repeat(100_000) };
        const count = 250; // 25 MB, at some rows a second
        for (let i = 0; i < count; i++) rowcast.feed(transaction(i, trade('a', i, large)));
        await client.events(count);
        const { skipped_rows: skipped } = (await rowcast.status()).shadow;
        assert.ok(skipped > 0 && skipped < count, `${skipped} rows skipped`);
        assert.equal((await rowcast.metrics()).rowcast_shadow_skipped_rows_total, skipped);
    });
});

// SPDX-License-Identifier: MIT
// Recorded rows (contract section 7) as tests want them: transactions of the demo's tables, with times that are no surprise.
'use strict';

const BEGIN = Date.parse('2025-11-09T12:00:00.000Z');

// One transaction, `second` seconds after noon.
function transaction(second, ...changes) {
    return { time: new Date(BEGIN + second * 1000).toISOString(), changes };
}

function insert(table, row) {
    return { op: 'insert', table: `public.${table}`, new: row };
}

function update(table, old, row) {
    return { op: 'update', table: `public.${table}`, old, new: row };
}

function remove(table, old) {
    return { op: 'delete', table: `public.${table}`, old };
}

function market(id, fields = {}) {
    return {
        id,
        question: `Will ${id} come?`,
        state: 'ACTIVE',
        b: '100',
        yes_shares: 0,
        no_shares: 0,
        creator_wallet: 'wallet-1',
        created_at: '2025-11-09T11:00:00.000Z',
        updated_at: '2025-11-09T11:00:00.000Z',
        ...fields,
    };
}

function trade(market_id, number, fields = {}) {
    return insert('trades', {
        id: String(number),
        market_id,
        user_wallet: `wallet-${number}`,
        trade_type: 'buy',
        outcome: true,
        shares: '10.5',
        cost: String(number),
        created_at: '2025-11-09T11:59:59.000Z',
        ...fields,
    });
}

function vote(market_id, number) {
    return insert('votes', {
        id: String(number),
        market_id,
        user_wallet: `wallet-${number}`,
        vote_type: 'proposal',
        vote: number % 2 === 0,
        created_at: '2025-11-09T11:59:59.000Z',
    });
}

function discussion(market_id, number, content = `comment ${number}`) {
    return insert('discussions', {
        id: `d-${number}`,
        market_id,
        user_wallet: `wallet-${number}`,
        content,
        created_at: '2025-11-09T11:59:59.000Z',
    });
}

// So many transactions of one trade each: their `cost` counts from `first`.
function trades(market_id, first, count) {
    return Array.from({ length: count }, (_, i) => transaction(first + i, trade(market_id, first + i)));
}

const ids = (events) => events.map((event) => event.id);

// What tells these trades apart in events.
const costs = (events) => events.map((event) => Number(event.data.cost));

const range = (first, count) => Array.from({ length: count }, (_, i) => first + i);

module.exports = { transaction, insert, update, remove, market, trade, trades, vote, discussion, ids, costs, range };

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';

const HELP = `usage: node watch.js [--url URL] MARKET_ID...

Shows the events of these markets as they happen, one line each. A lost connection is made again, and what happened
meanwhile is shown then.

  --url URL   of rowcast (default ws://127.0.0.1:4001)
  --help      this
`;

const { parseArgs } = require('node:util');
module.paths.push('/usr/share/nodejs'); // where Debian's package node-ws puts it
const WebSocket = require('ws');

const FATAL = [1002, 1003, 1007, 1009, 4001, 4003]; // close codes after which trying again is of no use
const CHUNK = 50; // markets in one subscribe message
const HEARTBEAT = 20000; // milliseconds

const colourful = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (colour) => (text) => (colourful ? `\x1b[${colour}m${text}\x1b[0m` : text);
const [bold, dim, red, green, yellow, magenta, cyan] = [1, 2, 31, 32, 33, 35, 36].map(paint);

// --- How events look ---

function bar(price) {
    const full = Math.round(price * 12);
    return `${cyan('█'.repeat(full))}${dim('░'.repeat(12 - full))} ${price.toFixed(2)}`;
}

function signed(number) {
    if (Math.abs(number) < 0.005) return '';
    return number > 0 ? green(` ▲${number.toFixed(2)}`) : red(` ▼${(-number).toFixed(2)}`);
}

const short = (wallet) => (wallet.length > 10 ? `${wallet.slice(0, 4)}…${wallet.slice(-4)}` : wallet.padEnd(9));
const side = (outcome) => (outcome ? green('YES') : red('NO '));

const describe = {
    market_state({ action, old_state, new_state, market }) {
        if (action === 'created') return `${bold('proposed')}: ${market.question}`;
        if (action === 'deleted') return bold('deleted');
        if (old_state !== new_state) return `${old_state} → ${bold(new_state)}`;
        const price = typeof market.price_yes === 'number' ? bar(market.price_yes) : '';
        return `${dim(market.question.padEnd(35).slice(0, 35))}  ${price}`;
    },
    trade({ trade_type, outcome, shares, cost, user_wallet, price_after, price_impact }) {
        const deal = `${short(user_wallet)} ${`${trade_type}s`.padEnd(5)} ${shares.padStart(4)} `;
        const money = ` for ${(Number(cost) / 1e6).toFixed(2).padStart(6)}`;
        const price = price_after === undefined ? '' : `  ${bar(price_after)}${signed(price_impact)}`;
        return `${deal}${side(outcome)}${money}${price}`;
    },
    vote({ vote_type, vote, user_wallet }) {
        const question = vote_type === 'proposal' ? 'open the market?' : 'dispute the result?';
        return `${short(user_wallet)} ${question} ${vote ? green('yes') : red('no')}`;
    },
    discussion({ user_wallet, content }) {
        return `${short(user_wallet)} “${content}”`;
    },
};

const label = { market_state: bold, trade: cyan, vote: yellow, discussion: magenta };

function show(event) {
    const time = new Date(event.timestamp).toTimeString().slice(0, 8);
    const type = (label[event.type] ?? bold)(event.type.padEnd(12));
    const text = describe[event.type]?.(event.data) ?? JSON.stringify(event.data);
    console.log(`${dim(time)}  ${type}  ${event.market_id.padEnd(10)}  ${text}`);
}

// --- The connection ---

const { values, positionals: markets } = (() => {
    try {
        const options = { url: { type: 'string', default: 'ws://127.0.0.1:4001' }, help: { type: 'boolean' } };
        return parseArgs({ options, allowPositionals: true });
    } catch (error) {
        console.error(`watch: ${error.message}; --help tells what there is`);
        process.exit(2);
    }
})();
if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
}
if (markets.length === 0) {
    console.error('watch: name the markets to watch, for example market-101 market-102');
    process.exit(2);
}

const since = {}; // by market: the id to resume from
let failures = 0; // connections in a row that came to nothing
let missed = []; // markets whose missed events are lost

function subscribe(socket) {
    for (let at = 0; at < markets.length; at += CHUNK) {
        const ids = markets.slice(at, at + CHUNK);
        const known = Object.fromEntries(ids.filter((id) => since[id]).map((id) => [id, since[id]]));
        const resume = Object.keys(known).length > 0 ? { since: known } : {};
        socket.send(JSON.stringify({ action: 'subscribe', market_ids: ids, ...resume }));
    }
}

function receive(message) {
    const { type, market_id: market, id, data } = message;
    if (type === 'error') {
        console.log(red(`rowcast says: ${data.error} (${data.code})`));
    } else if (type === 'pong') {
        for (const each of markets) since[each] = data.id; // everything up to here was received
    } else if (type === 'market_state' && data.subscriptions) {
        if (since[market] && !data.recovered) missed.push(market);
        since[market] = data.id;
        if (market === markets.at(-1) && missed.length > 0) {
            console.log(red(`too long away: events of ${missed.length} markets were missed, ${missed[0]} the first`));
            missed = [];
        }
    } else if (id !== undefined) {
        since[market] = id;
        show(message);
    }
}

function connect() {
    const socket = new WebSocket(values.url);
    let alive = true;
    const heartbeat = setInterval(() => {
        if (!alive) return socket.terminate();
        alive = false;
        if (socket.readyState === WebSocket.OPEN) socket.send('{"action":"ping"}');
    }, HEARTBEAT);
    socket.on('open', () => {
        if (Object.keys(since).length > 0) console.log(dim('connected again'));
        failures = 0;
        subscribe(socket);
    });
    socket.on('message', (bytes) => {
        alive = true;
        receive(JSON.parse(bytes));
    });
    socket.on('error', () => {}); // `close` follows
    socket.on('close', (code, reason) => {
        clearInterval(heartbeat);
        if (FATAL.includes(code)) {
            console.error(`watch: rowcast closed the connection: ${code} ${reason}`);
            process.exit(1);
        }
        if (failures === 0) console.log(dim(`no connection to ${values.url} (${code}), trying again`));
        const longest = Math.min(30000, 500 * 2 ** failures++);
        setTimeout(connect, longest * (0.5 + Math.random() / 2));
    });
}

process.stdout.on('error', () => process.exit(0)); // nobody looks any more
connect();

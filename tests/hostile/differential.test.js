// SPDX-License-Identifier: MIT
// Random streams of frames, sound and not, to our echo and to one by `ws`: both must make the same of them, but for the rules
// in differential.js. ROWCAST_TEST_SEED=N says the streams of a run again.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { suite } = require('../integration/lib/expect.js');
const { serve } = require('../integration/lib/rowcast.js');
const { Random } = require('../faults/random.js');
const { serveWs, outcome, excuse, same } = require('./differential.js');
const { stream, MAX_MESSAGE } = require('./streams.js');
const { ECHO } = require('./lib.js');

const COUNT = process.env.ROWCAST_TEST_LONG === 'yes' ? 100_000 : 2000;
const AT_ONCE = 16;
const seed = Number(process.env.ROWCAST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32));

describe('random streams', () => {
    const owner = suite();
    let ours, theirs;

    before(async () => {
        ours = (await serve(owner, { scripts: ECHO, env: { ROWCAST_MAX_MESSAGE: String(MAX_MESSAGE) } })).port;
        theirs = await serveWs(owner, MAX_MESSAGE);
    });

    // Compares what the two make of it: { end } of ours, and the `rule` by which they differ, if they do.
    async function compare(number) {
        const { faults, segments } = stream(Random.of(seed, number));
        const [our, their] = await Promise.all([outcome(ours, segments), outcome(theirs, segments)]);
        if (same(our, their)) return { end: our.end };
        const rule = await excuse(segments, our, theirs);
        const story = `stream ${number} of seed ${seed} (${faults.join(', ')})\n${segments.map((one) => one.toString('hex')).join('\n')}`;
        assert.ok(rule, `${story}\nwe: ${JSON.stringify(our)}\nws: ${JSON.stringify(their)}`);
        return { end: our.end, rule };
    }

    it(`are taken as ws takes them, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
        const counts = new Map();
        let next = 0;
        const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
        await Promise.all(Array.from({ length: AT_ONCE }, async () => {
            while (next < COUNT) {
                const { end, rule } = await compare(next++);
                count(end);
                if (rule) count(`${end} where ws ${rule.theirs}`);
            }
        }));
        for (const [what, times] of [...counts].sort()) t.diagnostic(`${times} times ${what}`);
    });
});

// SPDX-License-Identifier: MIT
// Every row of docs/HOSTILE.md against the real binary, one process for all that need no other.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before, after } = require('node:test');
const { suite, until } = require('../integration/lib/expect.js');
const { serve, ROOT } = require('../integration/lib/rowcast.js');
const { frame } = require('../integration/lib/raw.js');
const { Wire, kernel, ECHO, MIB } = require('./lib.js');
const { sections, wslay, page } = require('./table.js');

const GROWTH = 48 * MIB; // what the allocator and the scripts' collector may keep of messages of 16 MiB

describe('hostile input', () => {
    const owner = suite();
    let rowcast, witness, pid, began;

    before(async () => {
        rowcast = await serve(owner, { scripts: ECHO, args: ['--deflate'] });
        const wire = await new Wire(owner, rowcast).warm();
        witness = await wire.client();
        const big = Buffer.alloc(16 * MIB);
        for (let i = 0; i < 5; i++) await wire.say(frame('binary', big), { echoes: [big] });
        pid = rowcast.child.pid;
        began = { descriptors: kernel.descriptors(pid), resident: kernel.resident(pid) };
    });

    // Somebody else is served as ever.
    async function expectUnaffected() {
        witness.send(frame('text', 'still here'));
        await witness.expectFrame('text', 'still here');
    }

    for (const { title, rows } of sections) {
        describe(title, () => {
            for (const { id, input, answer, pending, run } of rows.filter((row) => row.id)) {
                it(`${id} ${input}: ${pending ? 'pending' : answer}`, { todo: pending }, async (t) => {
                    if (pending) return;
                    assert.equal(await run(new Wire(t, rowcast)), answer);
                    await expectUnaffected();
                });
            }
        });
    }

    it('names a row for each of wslay’s ways', () => {
        const known = sections.flatMap(({ rows }) => rows.map(({ id }) => id));
        for (const [id, , where] of wslay) for (const row of where.match(/[A-E]\d+/g)) assert.ok(known.includes(row), `${id}: ${row}`);
    });

    it('leaves no descriptor, no CLOSE_WAIT and little memory behind', async () => {
        for (const guest of rowcast.guests) if (guest !== witness) guest.destroy();
        await until(
            'the descriptors are freed',
            () => kernel.descriptors(pid) <= began.descriptors,
            () => `${kernel.descriptors(pid)} instead of ${began.descriptors}`,
        );
        assert.equal(kernel.waitingForClose(rowcast.port), 0);
        const grown = kernel.resident(pid) - began.resident;
        console.log(`# memory: ${began.resident >> 20} MiB before, ${(began.resident + grown) >> 20} MiB after`);
        if (!kernel.sanitized(pid)) assert.ok(grown < GROWTH, `it grew by ${grown >> 20} MiB`);
    });

    after(() => witness.destroy());
});

describe('docs/HOSTILE.md', () => {
    it('says what the rows say', () => {
        const shown = fs.readFileSync(path.join(ROOT, 'docs', 'HOSTILE.md'), 'utf8');
        assert.equal(shown, page(), 'write it anew: tests/hostile/table.js >docs/HOSTILE.md');
    });
});

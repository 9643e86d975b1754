// SPDX-License-Identifier: MIT
// What docs/ shows is what happens: transcripts are played against the real server, example scripts are run.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it, before } = require('node:test');
const { suite } = require('./lib/expect.js');
const { serve, run, scriptFolder, writeFiles, ROOT } = require('./lib/rowcast.js');

// The fenced blocks of a page: { kind, text, line }.
function blocks(page) {
    const found = [];
    let open;
    for (const [at, line] of fs
        .readFileSync(path.join(ROOT, 'docs', page), 'utf8')
        .split('\n')
        .entries()) {
        const fence = /^```(\w*)$/.exec(line);
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
            const client = await rowcast.connect({ plain: true });
            if (!text.includes('"welcome"')) await client.next();
            for (const [at, step] of text.trimEnd().split('\n').entries()) {
                const where = `PROTOCOL.md:${line + 1 + at}`;
                if (step.startsWith('-> ')) client.send(step.slice(3));
                else if (step.startsWith('<- ')) assertShown(step.slice(3), await client.next(where), where);
                else assert.fail(`${where}: neither <- nor ->: ${step}`);
            }
            client.send('{"action":"ping"}');
            assert.match(await client.next(), /"pong"/, 'more came than the page shows');
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

    it('has a spec that passes', (t) => {
        const { text } = all.find((block) => block.text.startsWith('-- spec/tables/bays_spec.lua'));
        const project = path.dirname(scriptFolder(t, { files }));
        writeFiles(project, { 'spec/tables/bays_spec.lua': text });
        for (const name of ['.busted', 'spec/helper.lua']) fs.copyFileSync(path.join(ROOT, name), path.join(project, name));
        const { status, stdout, stderr } = spawnSync('busted', ['-o', 'plainTerminal'], { cwd: project, encoding: 'utf8' });
        assert.equal(status, 0, stdout + stderr);
        assert.match(stdout, /^1 success/m);
    });
});

#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The rows of this folder as a page: tests/hostile/table.js >docs/HOSTILE.md
'use strict';

const { rules } = require('./differential.js');

const sections = ['http', 'frames', 'resources', 'paths', 'limits'].map((name) => require(`./rows/${name}.js`));

// What wslay, which reads our frames, does by itself, and the rows in which it does not.
const wslay = [
    ['W1', 'reserves what a header claims', 'C12'],
    ['W2', 'judges a length only when payload has come', 'C11, C12'],
    ['W3', 'does not add up fragments', 'D4'],
    ['W4', 'keeps a node for each fragment', 'D1, D2'],
    ['W5', 'queues a pong for each ping', 'D5'],
    ['W6', 'queues without bound for who does not read', 'D6'],
    ['W7', 'sends a Close before what was queued', 'C23'],
    ['W8', 'closes without a code', 'C10, C13, C14'],
    ['W9', 'answers a Close of one byte with an empty one', 'C19'],
    ['W10', 'takes 1012 to 1014 for wrong', 'C20'],
    ['W11', 'does not look at the text of compressed messages', 'C5'],
    ['W12', 'goes on for ever with empty fragments', 'D3'],
    ['W13', 'its example loses what comes with the handshake', 'A23'],
];

function page() {
    const lines = [
        '# Hostile input',
        '',
        'What each kind of broken or hostile input gets. `tests/run hostile` tries every row against the real binary, on which',
        '`examples/echo` runs unless the row says otherwise, and after each one that others are served. At the end the process has',
        'no more memory and descriptors than before. This page is written by `tests/hostile/table.js`.',
    ];
    for (const { title, rows } of sections) {
        lines.push('', `## ${title}`, '', '| | input | answer |', '| --- | --- | --- |');
        for (const { id, section, input, answer, note, pending } of rows) {
            if (section) lines.push('', `## ${section}`, '', '| | input | answer |', '| --- | --- | --- |');
            else lines.push(`| ${id} | ${input} | ${pending ? `pending: ${pending}` : [answer, note].filter(Boolean).join(': ')} |`);
        }
    }
    lines.push('', '## wslay', '', 'wslay 1.1.1 alone would answer differently in places:', '', '| | wslay | rows |', '| --- | --- | --- |');
    for (const row of wslay) lines.push(`| ${row.join(' | ')} |`);
    lines.push('', '## ws', '', 'Random streams of frames, sound and not, get the same answers here as from an echo by `ws` 8, the usual library for Node');
    lines.push('(`tests/hostile/differential.test.js`), except where ws is more lenient or later:', '', '| ws | here |', '| --- | --- |');
    for (const { theirs, code, reason } of rules) lines.push(`| ${theirs} | Close ${code}: ${reason} |`);
    return `${lines.join('\n')}\n`;
}

if (require.main === module) process.stdout.write(page());

module.exports = { sections, wslay, page };

// SPDX-License-Identifier: MIT
// What tests wait for and compare with. Nothing here sleeps for luck: it waits until something is so, or says what was seen.
'use strict';

const assert = require('node:assert/strict');
const { after } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const SECONDS = Number(process.env.ROWCAST_TEST_SECONDS || 30); // how long anything may take before a test gives up

// Waits until `condition` gives something true, and gives it. `seen` says what there is instead when time is up.
async function until(what, condition, seen = () => '') {
    for (const end = Date.now() + SECONDS * 1000; ; await sleep(5)) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) late(what, SECONDS, seen);
    }
}

// The promise, or an error that says what was waited for.
function inTime(what, promise, seen = () => '', seconds = SECONDS) {
    const cancel = new AbortController();
    const end = sleep(seconds * 1000, undefined, { signal: cancel.signal }).then(() => late(what, seconds, seen));
    end.catch(() => {});
    return Promise.race([promise, end]).finally(() => cancel.abort());
}

function late(what, seconds, seen) {
    throw new assert.AssertionError({ message: `${what}: not within ${seconds} s\n${seen()}` });
}

// --- Patterns: what must be there; more may be ---

const show = (value) => (value instanceof RegExp || typeof value === 'function' ? String(value) : JSON.stringify(value));
const isObject = (value) => typeof value === 'object' && value !== null;

// Where `actual` is not as the pattern says, or undefined. A pattern is a RegExp for a string, a function that is true for the
// value, a list with a pattern for each element, an object with patterns for some of the keys (undefined: absent), or a value.
function difference(actual, pattern, path = '') {
    if (pattern instanceof RegExp) return typeof actual === 'string' && pattern.test(actual) ? undefined : path || '.';
    if (typeof pattern === 'function') return pattern(actual) ? undefined : path || '.';
    if (!isObject(pattern)) return Object.is(actual, pattern) ? undefined : path || '.';
    if (!isObject(actual) || Array.isArray(actual) !== Array.isArray(pattern)) return path || '.';
    if (Array.isArray(pattern) && actual.length !== pattern.length) return `${path}.length`;
    for (const key of Object.keys(pattern)) {
        const found = difference(actual[key], pattern[key], `${path}.${key}`);
        if (found !== undefined) return found;
    }
    return undefined;
}

const matches = (actual, pattern) => difference(actual, pattern) === undefined;

function patternText(pattern) {
    if (!isObject(pattern) || pattern instanceof RegExp) return pattern === undefined ? 'nothing' : show(pattern);
    if (Array.isArray(pattern)) return `[${pattern.map(patternText).join(',')}]`;
    return `{${Object.entries(pattern)
        .map(([key, value]) => `${JSON.stringify(key)}:${patternText(value)}`)
        .join(',')}}`;
}

function assertMatches(actual, pattern, story = '') {
    const where = difference(actual, pattern);
    if (where === undefined) return;
    const lines = [
        `${where === '.' ? 'it' : where} is not as expected`,
        `expected: ${patternText(pattern)}`,
        `seen:     ${show(actual)}`,
        story,
    ];
    throw new assert.AssertionError({ message: lines.join('\n') });
}

// --- Cleaning up ---

const steps = new WeakMap();

// Does `step` when the owner, a test's context or a suite(), has ended: the newest first.
function atEnd(owner, step) {
    if (!steps.has(owner)) {
        steps.set(owner, []);
        owner.after(() => endAll(steps.get(owner)));
    }
    steps.get(owner).push(step);
}

async function endAll(list) {
    let failure;
    for (const step of list.splice(0).reverse()) {
        try {
            await step();
        } catch (error) {
            failure ??= error;
        }
    }
    if (failure) throw failure;
}

// To be called in the body of a describe(): the owner of what all its tests share.
function suite() {
    const ends = [];
    after(() => endAll(ends));
    return { after: (step) => ends.push(step) };
}

// --- Things every message has ---

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ID = /^[A-Za-z0-9._-]{1,64}$/;

module.exports = { until, inTime, matches, assertMatches, patternText, atEnd, suite, TIME, ID };

// SPDX-License-Identifier: MIT
// Chance that can be had again: the same seed, the same choices.
'use strict';

class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    // A generator for one part of the play, so that the parts do not take each other's numbers.
    static of(seed, part) {
        let hash = 2166136261;
        for (const letter of `${seed}/${part}`) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
        return new Random(hash);
    }

    // 0 <= number < 1 (mulberry32)
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    }

    chance(likelihood) {
        return this.next() < likelihood;
    }

    between(low, high) {
        return low + this.next() * (high - low);
    }

    // Both ends may come.
    whole(low, high) {
        return low + Math.floor(this.next() * (high - low + 1));
    }

    pick(list) {
        return list[this.whole(0, list.length - 1)];
    }

    shuffled(list) {
        const all = [...list];
        for (let i = all.length - 1; i > 0; i--) {
            const j = this.whole(0, i);
            [all[i], all[j]] = [all[j], all[i]];
        }
        return all;
    }
}

module.exports = { Random };

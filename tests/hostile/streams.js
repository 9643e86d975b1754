// SPDX-License-Identifier: MIT
// What a client may send behind its upgrade, at random: mostly sound frames, and among them what must not be.
'use strict';

const { closePayload, frame } = require('../integration/lib/raw.js');

const MAX_MESSAGE = 80 * 1024; // what both servers take; beyond 64 KiB, so that all three ways to write a length have their right use

const CHARACTERS = ['a', ' ', '\0', '\u007f', 'é', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀', '\u{10ffff}'];
const BAD_TEXT = ['80', 'bf', 'c080', 'c1bf', 'c3', 'c328', 'e09f80', 'e0a0', 'e28228', 'eda080', 'edbfbf', 'f08f8080', 'f09f98', 'f0908028', 'f4908080', 'f5808080', 'fe', 'ff'];
const SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 300, 4095, 4096]; // where something begins or ends
const RARE_SIZES = [65535, 65536, 65537, MAX_MESSAGE];
const PATTERNED = 4096; // larger payloads are not random all through: that takes time
const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

class Stream {
    constructor(random) {
        this.random = random;
        this.frames = [];
        this.faults = [];
    }

    // --- Sound things ---

    size() {
        if (this.random.chance(0.02)) return this.random.pick(RARE_SIZES);
        return this.random.chance(0.3) ? this.random.pick(SIZES) : this.random.whole(0, 40);
    }

    octets(size = this.size()) {
        if (size > PATTERNED) return Buffer.alloc(size, this.octets(PATTERNED));
        return Buffer.from(Array.from({ length: size }, () => this.random.whole(0, 255)));
    }

    // So many bytes of UTF-8; the last are ASCII if a longer character finds no room.
    text(size = this.size()) {
        if (size > PATTERNED) return Buffer.concat([this.text(PATTERNED), Buffer.alloc(size - PATTERNED, 'x')]);
        const characters = [];
        for (let left = size; left > 0; ) {
            const one = left < 4 ? 'x' : this.random.pick(CHARACTERS);
            characters.push(one);
            left -= Buffer.byteLength(one);
        }
        return Buffer.from(characters.join(''));
    }

    payload(kind) {
        return kind === 'text' ? this.text() : this.octets();
    }

    kind() {
        return this.random.pick(['text', 'text', 'binary']);
    }

    add(kind, payload, options) {
        this.frames.push(frame(kind, payload, options));
    }

    control() {
        this.add(this.random.pick(['ping', 'ping', 'pong']), this.octets(this.random.pick([0, 1, 5, 124, 125])));
    }

    // In pieces, between any two bytes, some of them empty; control frames between them. `fin`: does it end?
    message(kind = this.kind(), payload = this.payload(kind), fin = true) {
        const pieces = this.random.chance(0.5) ? 1 : this.random.whole(2, 6);
        const cuts = Array.from({ length: pieces - 1 }, () => this.random.whole(0, payload.length)).sort((a, b) => a - b);
        [0, ...cuts].forEach((from, at) => {
            if (at > 0 && this.random.chance(0.3)) this.control();
            this.add(at === 0 ? kind : 'continuation', payload.subarray(from, cuts[at]), { fin: fin && at === cuts.length });
        });
    }

    close() {
        if (this.random.chance(0.2)) this.add('close');
        else this.add('close', closePayload(this.random.pick(GOOD_CODES), this.text(this.random.whole(0, 123))));
    }

    // --- What must not be ---

    fault() {
        const what = this.random.pick(Object.keys(FAULTS));
        this.faults.push(what);
        FAULTS[what](this, this.random);
    }

    // A sound payload whose length is written in more bytes than it needs.
    wordy() {
        const kind = this.kind();
        const payload = this.payload(kind);
        this.header(kind, BigInt(payload.length), payload.length < 126 && this.random.chance(0.5) ? 2 : 8);
        this.frames.push(payload); // masked with zeros
    }

    header(kind, length, bytes = 8) {
        const head = frame(kind, '').subarray(0, 2);
        head[1] = 0x80 | (bytes === 2 ? 126 : 127);
        const size = Buffer.alloc(8);
        size.writeBigUInt64BE(length);
        this.frames.push(head, size.subarray(8 - bytes), Buffer.alloc(4));
    }

    // --- All of it ---

    fill() {
        const { random } = this;
        for (let left = random.whole(0, 6); left > 0; left--) random.chance(0.75) ? this.message() : this.control();
    }

    // What is written at once, each a segment of its own if the kernel sees it so.
    segments() {
        const { random } = this;
        let bytes = Buffer.concat(this.frames);
        if (random.chance(0.05) && bytes.length > 0) {
            this.faults.push('bit');
            bytes[random.whole(0, bytes.length - 1)] ^= 1 << random.whole(0, 7);
        }
        if (random.chance(0.1)) {
            this.faults.push('end');
            bytes = bytes.subarray(0, random.whole(0, bytes.length));
        }
        const cuts = Array.from({ length: random.chance(0.3) ? 0 : random.whole(1, 12) }, () => random.whole(0, bytes.length));
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        return edges.slice(1).map((end, at) => bytes.subarray(edges[at], end));
    }
}

const CONTROL = ['ping', 'pong', 'close'];
const ANY = ['text', 'binary', ...CONTROL];
const badText = (random) => Buffer.from(random.pick(BAD_TEXT), 'hex');

const FAULTS = {
    opcode: (all, random) => all.add(random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), all.octets(5)),
    rsv: (all, random) => all.add(random.pick(ANY), all.octets(5), { rsv: random.whole(1, 7) }),
    mask: (all, random) => all.add(random.pick(ANY), '', { mask: false }),
    'long control': (all, random) => all.add(random.pick(CONTROL), all.octets(random.whole(126, 200))),
    'control in pieces': (all, random) => all.add(random.pick(CONTROL), all.octets(5), { fin: false }),
    'wordy length': (all) => all.wordy(),
    'absurd length': (all, random) => all.header(all.kind(), random.pick([1n << 63n, (1n << 63n) + 5n, (1n << 64n) - 1n])),
    'huge length': (all, random) => all.header(all.kind(), random.pick([1n << 32n, 1n << 52n, (1n << 53n) + 1n, (1n << 63n) - 1n])),
    'too big': (all, random) => all.header(all.kind(), BigInt(MAX_MESSAGE + random.whole(1, 3))),
    'together too big'(all, random) {
        all.add(all.kind(), Buffer.alloc(MAX_MESSAGE - 10, 'x'), { fin: false });
        all.add('continuation', Buffer.alloc(random.whole(9, 12), 'x'));
    },
    orphan: (all, random) => all.add('continuation', all.text(), { fin: random.chance(0.5) }),
    intruder: (all) => all.message(all.kind(), all.text(), false),
    text: (all, random) => all.message('text', Buffer.concat([all.text(), badText(random), all.text()]), random.chance(0.7)),
    'cut text': (all, random) => all.message('text', Buffer.concat([all.text(), Buffer.from('😀').subarray(0, random.whole(1, 3))])),
    'close byte': (all) => all.add('close', 'x'),
    'close code': (all, random) => all.add('close', closePayload(random.pick(BAD_CODES), all.text(10))),
    'close reason': (all, random) => all.add('close', closePayload(random.pick(GOOD_CODES), badText(random))),
    noise: (all, random) => all.frames.push(all.octets(random.whole(1, 200))),
};

// { faults, segments }: the next of these streams.
function stream(random) {
    const all = new Stream(random);
    all.fill();
    if (random.chance(0.6)) {
        all.fault();
        all.fill();
        if (random.chance(0.2)) all.fault();
    }
    if (random.chance(0.6)) all.close();
    if (random.chance(0.3)) all.fill();
    const segments = all.segments();
    return { faults: all.faults, segments };
}

module.exports = { stream, MAX_MESSAGE };

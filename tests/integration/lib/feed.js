// SPDX-License-Identifier: MIT
// The client that docs/CLIENT_INTEGRATION.md gives to copy.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./rowcast.js');

const page = fs.readFileSync(path.join(ROOT, 'docs', 'CLIENT_INTEGRATION.md'), 'utf8');
const [, text] = /^```js\n([\s\S]*?)^```$/m.exec(page);
const marketFeed = new Function(`${text}; return marketFeed;`)();

module.exports = { marketFeed, text };

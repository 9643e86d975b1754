// SPDX-License-Identifier: MIT
// For pm2: DATABASE_URL=postgresql://user@host/name pm2 start examples/service/ecosystem.config.js
// pm2 logs rowcast, pm2 restart rowcast --update-env, pm2 stop rowcast; scripts anew: pm2 sendSignal SIGHUP rowcast
'use strict';

const path = require('node:path');

const root = path.join(__dirname, '..', '..');

module.exports = {
    apps: [
        {
            name: 'rowcast',
            script: process.env.ROWCAST_BIN || path.join(root, 'build', 'rowcast'),
            args: 'serve',
            interpreter: 'none', // a program, not JavaScript
            cwd: root, // where ./scripts is
            exec_mode: 'fork', // one process has a thread for each core; a second one would need ports of its own
            kill_timeout: 30000, // milliseconds to say goodbye to every client before it is killed
            stop_exit_codes: [2, 78], // a configuration that is wrong stays wrong
            exp_backoff_restart_delay: 100,
            env: { NODE_ENV: 'production' }, // the rest of the environment is passed on: DATABASE_URL, WS_PORT, ...
        },
    ],
};

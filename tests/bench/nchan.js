// SPDX-License-Identifier: MIT
// nchan as a yardstick of the fan-out: nginx with its module, in a folder and on a port of its own.
// usage: node nchan.js PORT SIZE     Takes recorded rows like the others and posts for each SIZE bytes of a frame.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');

const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

// Writes the configuration of one process, returns nginx's arguments.
function configure(folder, port) {
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
    const file = path.join(folder, 'nginx.conf');
    const text = `load_module ${MODULE};
        daemon off; master_process off; worker_rlimit_nofile 20000;
        pid ${folder}/pid; error_log ${folder}/log warn;
        events { worker_connections 19900; }
        http {
            access_log off; ${places.join(' ')} nchan_message_buffer_length 200;
            server {
                listen 127.0.0.1:${port} backlog=4096; keepalive_requests 1000000000; keepalive_timeout 1h;
                location ~ ^/sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; }
                location ~ ^/pub/(.+)$ { nchan_publisher; nchan_channel_id $1; }
            }
        }`;
    fs.writeFileSync(file, text);
    return ['-p', folder, '-c', file];
}

function relay(port, size) {
    const payload = 'x'.repeat(size - 4); // the frame's header has 4 bytes
    const publisher = net.connect({ port, host: '127.0.0.1', noDelay: true });
    publisher.resume().on('error', () => process.exit(1));
    // All rows that come together go in one write.
    let requests = [];
    readline.createInterface({ input: process.stdin }).on('line', (line) => {
        const [, topic] = /"market_id":"(m\d+)"/.exec(line);
        requests.push(`POST /pub/${topic} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${payload.length}\r\n\r\n${payload}`);
        if (requests.length > 1) return;
        setImmediate(() => {
            publisher.write(requests.join(''));
            requests = [];
        });
    });
}

if (require.main === module) relay(...process.argv.slice(2).map(Number));
module.exports = { configure, MODULE };

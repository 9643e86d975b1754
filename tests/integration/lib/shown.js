// SPDX-License-Identifier: MIT
// Scripts that show all they see: each change of a table becomes one event with its rows as they are and as they are read.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Database, start } = require('./database.js');
const { atEnd } = require('./expect.js');
const { psql } = require('./psql.js');
const { scriptFolder, SCRIPTS } = require('./rowcast.js');
const { sharedServer } = require('./server.js');

const SHOW = `
local function read(row)
    if row == nil then return nil end
    local result = { names = rowcast.array({}), values = {}, types = {} }
    for name, value in pairs(row) do
        table.insert(result.names, name)
        result.values[name], result.types[name] = row[name], type(value)
    end
    return result
end

return function(new, old, ctx)
    local data = { new = new, old = old, read = read(new), read_old = read(old) }
    data.op, data.table, data.schema, data.unchanged = ctx.op, ctx.table, ctx.schema, ctx.unchanged
    data.xid, data.lsn, data.time = ctx.xid, ctx.lsn, ctx.time
    return { type = "shown", topic = "shown", market_id = "shown", data = data }
end
`;

const TABLE = `
local show = require "lib.show"
return {
    insert = function(new, ctx) return show(new, nil, ctx) end,
    update = show,
    delete = function(old, ctx) return show(nil, old, ctx) end,
    truncate = function(ctx) return show(nil, nil, ctx) end,
}
`;

const shipped = (...names) =>
    Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(SCRIPTS, name), 'utf8')]));

// A database of this schema, and a router that shows what becomes of its tables (named as their script files are).
// `files`: further scripts. `setup`: flags of `db setup`. `prepare`: SQL behind it. `encoding`: of the database.
async function show(owner, schema, tables, { files = {}, prepare, setup = [], env = {}, encoding = 'UTF8' } = {}) {
    const scripts = scriptFolder(owner, {
        files: {
            ...shipped('client.lua', 'lib/validate.lua', 'lib/schema.lua'),
            'lib/show.lua': SHOW,
            ...Object.fromEntries(tables.map((table) => [`tables/${table}.lua`, TABLE])),
            ...files,
        },
    });
    const database = await create(owner, encoding);
    await database.sql(schema);
    const { code, stderr } = await database.db(['setup', ...setup], { ROWCAST_SCRIPTS: scripts });
    if (code !== 0) throw new Error(`rowcast db setup: ${stderr}`);
    if (prepare) await database.sql(prepare);
    const running = await start(owner, database, ['shown'], { scripts, env: { ROWCAST_MAX_EVENT: '1MiB', ...env } });
    return new Shown(database, running, scripts);
}

async function create(owner, encoding) {
    if (encoding === 'UTF8') return Database.create(owner, { schema: '', setup: false });
    const database = new Database(await sharedServer());
    await psql(database.admin, `create database ${database.name} template template0 encoding '${encoding}' locale 'C'`);
    atEnd(owner, () => database.drop());
    return database;
}

class Shown {
    constructor(database, { rowcast, client }, scripts) {
        Object.assign(this, { database, rowcast, client, scripts });
        this.texts = []; // of the messages, as they came
        client.socket.on('message', (bytes) => this.texts.push(String(bytes)));
    }

    // What `count` events show that this SQL brings, and no more come.
    async after(sql, count) {
        this.texts.length = 0;
        await this.database.sql(sql);
        const events = await this.client.events(count);
        await this.client.expectNothing();
        return events.map((event) => event.data);
    }

    get failures() {
        return this.rowcast.lines('row_script_failed').map((line) => line.message ?? JSON.stringify(line));
    }
}

module.exports = { show };

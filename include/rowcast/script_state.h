// SPDX-License-Identifier: MIT
// What a loaded folder consists of. Internal to the script room.
#ifndef ROWCAST_SCRIPT_STATE_H
#define ROWCAST_SCRIPT_STATE_H

#include "rowcast/buffer.h"
#include "rowcast/map.h"
#include "rowcast/script.h"
#include "rowcast/vm.h"

// Handlers are registry references, LUA_NOREF where the script has none.
struct script_table {
    char *schema, *table;
    char *file; // "FOLDER/tables/trades.lua"
    int handlers[CHANGE_MESSAGE + 1];
    int snapshot; // a table or a function
};

struct script {
    struct vm *vm;
    struct bundle *bundle;
    struct script_limits limits;
    struct script_table *tables;
    size_t table_count;
    struct map by_name;           // "schema.table" -> index in tables
    struct script_table messages; // messages.lua, as the handler of CHANGE_MESSAGE
    char *client_file;
    int hooks[HOOK_COUNT];
    struct script_shape {
        char *name;
        int function;
    } formats[SCRIPT_MAX_FORMATS];
    size_t format_count;
    struct script_site site;
    struct event_id *skipped; // rows
    size_t skipped_count;
    struct buffer encoded;       // scratch of the message under way
    struct buffer names;         // scratch: types and topics of the events of one change
    struct script_event *events; // of the change under way
    size_t event_count, event_capacity;
    struct scan *scan;   // of script_check; else NULL
    script_found *found; // while it loads: goes on behind what is wrong
    void *found_user;
};

// Appends the message at `index` to `out` as a JSON object: its type first, then `extra` (members with
// their commas, may be empty), then its other keys in order, `topic` left out if `is_event`.
void message_write(lua_State *lua, int index, const char *extra, bool is_event, struct buffer *out);

// [.., value] -> the same: raises unless it is what a table script may have as `snapshot`.
void script_snapshot_check(lua_State *lua, const struct script_table *table);

// [.., client.lua's table] -> the same: keeps its `formats`, raises what are none.
void script_formats_take(lua_State *lua, struct script *script);
// Whether the row that this id belongs to is one of those.
bool script_skips(const struct script *script, const struct event_id *id);

// "FILE:LINE" of the Lua function at `index`, for complaints about what it returned.
const char *function_position(lua_State *lua, int index);

#endif

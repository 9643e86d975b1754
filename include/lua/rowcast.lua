---@meta
-- SPDX-License-Identifier: MIT
-- What scripts find and what they may return, for lua-language-server: editors complete `ctx.`, events and commands. It is
-- named in .luarc.json, and never loaded. docs/SCRIPTING.md is the manual.
--
--   ---@type rowcast.Table          above the `return` of scripts/tables/*.lua,
--   ---@type rowcast.ClientScript   of client.lua,
--   ---@type rowcast.Messages       of messages.lua

--------------------------------------------------------------------------------
-- Globals

---@class rowcast.null: userdata  -- JSON null

---@class rowcast
---@field null rowcast.null  -- the same value as cjson.null
rowcast = {}

-- Marks a list, so that it is [] when empty. Returns it.
---@generic T: table
---@param t T
---@return T
function rowcast.array(t) end

-- The row with further fields; nil leaves a column as it is.
---@param row rowcast.Row | table
---@param fields table<string, any>
---@return table
function rowcast.extend(row, fields) end

-- A line in the server's log.
---@param level "debug" | "info" | "warn" | "error"
---@param message any
function rowcast.log(level, message) end

---@class cjson
---@field null rowcast.null
cjson = {}

-- Raises what is no JSON, or nested deeper than 8.
---@param text string
---@return any
function cjson.decode(text) end

--------------------------------------------------------------------------------
-- scripts/tables/<table>.lua

-- Columns by name, read only. NULL reads nil.
---@class rowcast.Row
---@field [string] any

---@alias rowcast.Op "insert" | "update" | "delete" | "truncate" | "snapshot" | "message"

---@class rowcast.Ctx
---@field table string?  -- nil in messages.lua
---@field schema string?
---@field op rowcast.Op
---@field time string  -- of the commit, ISO 8601
---@field lsn string  -- "0/16B3748"
---@field xid number
---@field index number  -- position of the change in its transaction
---@field unchanged string[]  -- columns of `new` whose value did not come
---@field rows fun(table: string, column: string?, value: any, op: rowcast.Op?): rowcast.Change[]?, string?

-- What ctx.rows lists.
---@class rowcast.Change
---@field op rowcast.Op
---@field new rowcast.Row?
---@field old rowcast.Row?
---@field index number

-- The message itself: all keys but `topic` go out as they are. The core adds `id` and `timestamp`.
---@class rowcast.Event
---@field type string  -- 1 to 128 bytes
---@field topic string | string[]  -- of 1 to 255 bytes, up to 16
---@field [string] any

---@alias rowcast.Events rowcast.Event | rowcast.Event[] | nil

---@class rowcast.Snapshot
---@field where string?  -- SQL; $1 is the topic, or the first of `args`
---@field args (string | number | boolean | rowcast.null)[]?  -- of a function only
---@field order string?  -- SQL behind ORDER BY
---@field limit number?
---@field reverse boolean?
---@field rank number?

---@class rowcast.Table
---@field insert (fun(new: rowcast.Row, ctx: rowcast.Ctx): rowcast.Events)?
---@field update (fun(new: rowcast.Row, old: rowcast.Row?, ctx: rowcast.Ctx): rowcast.Events)?
---@field delete (fun(old: rowcast.Row, ctx: rowcast.Ctx): rowcast.Events)?
---@field truncate (fun(ctx: rowcast.Ctx): rowcast.Events)?
---@field snapshot (rowcast.Snapshot | fun(topic: string): rowcast.Snapshot?)?

---@alias rowcast.Messages fun(content: string, ctx: rowcast.Ctx): rowcast.Events

--------------------------------------------------------------------------------
-- scripts/client.lua

-- Read only; state is what `{ state = t }` left.
---@class rowcast.Client
---@field id string
---@field address string
---@field path string
---@field query string?
---@field protocol string?
---@field headers rowcast.Headers
---@field subscriptions string[]
---@field state table?

---@class rowcast.Headers
---@field cookie string?
---@field ["user-agent"] string?
---@field origin string?

-- What took effect; which fields there are depends on the hook.
---@class rowcast.Result
---@field topic string?
---@field subscriptions string[]
---@field subscription_count number
---@field recovered boolean?
---@field reason string?
---@field id string?
---@field snapshot number?  -- messages that follow
---@field conflate string[]?
---@field ref any

---@class rowcast.Command
---@field send string | table | nil
---@field binary boolean?
---@field close number?
---@field reason string?
---@field state table?
---@field subscribe string?
---@field since string?
---@field after_lsn string?
---@field snapshot boolean?
---@field events string[]?
---@field unsubscribe string?
---@field pong boolean?
---@field format string?
---@field ref any

---@alias rowcast.Commands rowcast.Command | rowcast.Command[] | nil

---@class rowcast.ClientScript
---@field connect (fun(client: rowcast.Client): rowcast.Commands)?
---@field message (fun(client: rowcast.Client, payload: string, binary: boolean): rowcast.Commands)?
---@field subscribed (fun(client: rowcast.Client, result: rowcast.Result): rowcast.Commands)?
---@field unsubscribed (fun(client: rowcast.Client, result: rowcast.Result): rowcast.Commands)?
---@field pong (fun(client: rowcast.Client, result: rowcast.Result): rowcast.Commands)?
---@field snapshot_end (fun(client: rowcast.Client, result: rowcast.Result): rowcast.Commands)?
---@field error (fun(client: rowcast.Client, code: string, sentence: string, result: rowcast.Result?): rowcast.Commands)?
---@field disconnect (fun(client: rowcast.Client, code: number))?
---@field formats table<string, fun(event: table): (string | table | nil, boolean?)>?

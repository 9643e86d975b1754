-- Phoenix channels (its V2 JSON serializer), as the npm package `phoenix` speaks them: messages in
-- both directions are lists, [join_ref, ref, topic, event, payload].
--
--   channel = socket.channel("room:lobby", () => ({ since: newest }))
--   channel.on("new_message", (payload) => { newest = payload.id; … })
--
-- `since` resumes: the payload of each event has its id, and the reply to a join says whether all
-- that was missed follows.

local null = cjson.null

local function push(join_ref, ref, topic, event, payload)
  return { send = { join_ref, ref, topic, event, payload } }
end

-- `ref` is what the reply is to: { join_ref, ref }.
local function reply(ref, topic, status, response)
  local payload = { status = status, response = response }
  return push(ref[1], ref[2], topic, "phx_reply", payload)
end

local function refused(ref, topic, reason)
  return reply(ref, topic, "error", { reason = reason })
end

-- The five parts of a message, or nothing.
local function read(payload)
  local ok, message = pcall(cjson.decode, payload)
  if not ok or type(message) ~= "table" then return nil end
  local join_ref, ref, topic, event, params = unpack(message, 1, 5)
  local named = type(topic) == "string" and type(event) == "string" and type(params) == "table"
  if not named or (join_ref ~= null and type(join_ref) ~= "string") then return nil end
  if ref ~= null and type(ref) ~= "string" then return nil end
  return { join_ref, ref }, topic, event, params
end

local events = {}

function events.phx_join(ref, topic, params)
  if not topic:find "^room:[%w_-]+$" or #topic > 100 then
    return refused(ref, topic, "unmatched topic")
  end
  local since = params.since
  if since == null then since = nil end
  if since ~= nil and type(since) ~= "string" then
    return refused(ref, topic, "since is the id of an event")
  end
  return { subscribe = topic, since = since, snapshot = params.rows == true, ref = ref }
end

function events.phx_leave(ref, topic)
  return { unsubscribe = topic, ref = ref }
end

function events.heartbeat(ref, topic)
  return reply(ref, topic, "ok", {})
end

---@type rowcast.ClientScript
return {
  connect = function()
    return { format = "phoenix" }
  end,

  message = function(_, payload, binary)
    local ref, topic, event, params = read(binary and "" or payload)
    if not ref then return { close = 1003, reason = "not a message of Phoenix channels" } end
    local body = events[event]
    if body then return body(ref, topic, params) end
    return refused(ref, topic, "rows that are written to the database are told, no others")
  end,

  subscribed = function(_, result)
    return reply(result.ref, result.topic, "ok", {
      id = result.id,
      recovered = result.recovered,
      reason = result.reason,
      rows = result.snapshot,
    })
  end,

  unsubscribed = function(_, result)
    return reply(result.ref, result.topic, "ok", {})
  end,

  snapshot_end = function(_, result)
    return push(null, null, result.topic, "rows_end", { id = result.id })
  end,

  -- What is no answer concerns all channels: they join again.
  error = function(client, code, sentence, result)
    if result and result.ref then return refused(result.ref, result.topic, sentence) end
    local commands = {}
    for i, topic in ipairs(client.subscriptions) do
      commands[i] = push(null, null, topic, "phx_error", { reason = sentence, code = code })
    end
    return commands
  end,

  formats = {
    phoenix = function(event)
      local payload = event.data
      payload.id, payload.message_id = event.id, payload.id
      payload.row, payload.timestamp = event.snapshot, event.timestamp
      return { null, null, event.channel, event.type, payload }
    end,
  },
}

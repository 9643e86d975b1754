-- The protocol that clients speak: what they may ask, and how they are answered.

local validate = require "lib.validate"

local LISTED = 100 -- subscriptions a confirmation lists in full
local ECHOED = 64 -- bytes of an unknown action that the answer repeats

local function send(message)
  return { send = message }
end

local function failure(code, sentence, result)
  result = result or {}
  return send {
    type = "error",
    market_id = result.topic,
    data = { error = sentence, code = code, id = result.id },
  }
end

-- Cut before the character that crosses the limit: one byte more is taken, and the
-- character it belongs to is dropped.
local function shortened(text)
  if #text <= ECHOED then return text end
  return (text:sub(1, ECHOED + 1):gsub("[^\128-\191][\128-\191]*$", ""))
end

-- A long list would be repeated in every confirmation, so the count (cheap) is asked first.
local function subscriptions(result, this)
  if result.subscription_count > LISTED then return rowcast.array { this } end
  return rowcast.array(result.subscriptions)
end

local actions = {}

function actions.subscribe(message)
  local ids, code, sentence = validate.market_ids(message)
  if not ids then return failure(code, sentence) end
  local options
  options, code, sentence = validate.options(message, ids)
  if not options then return failure(code, sentence) end

  local commands = {}
  for i, id in ipairs(ids) do
    commands[i] = {
      subscribe = id,
      since = options.since[id],
      after_lsn = options.after_lsn,
      snapshot = options.snapshot,
      events = options.events,
    }
  end
  return commands
end

function actions.unsubscribe(message)
  local ids, code, sentence = validate.market_ids(message)
  if not ids then return failure(code, sentence) end

  local commands = {}
  for i, id in ipairs(ids) do
    commands[i] = { unsubscribe = id }
  end
  return commands
end

function actions.ping()
  return { pong = true }
end

function actions.pong()
  return nil -- a sign of life, no more
end

---@type rowcast.ClientScript
return {
  connect = function(client)
    return send {
      type = "welcome",
      data = { client_id = client.id, message = "Connected to ZMART WebSocket server" },
    }
  end,

  message = function(_, payload, binary)
    local message, code, sentence = validate.message(payload, binary)
    if not message then return failure(code, sentence) end

    local action = actions[message.action]
    if not action then
      return failure("unknown_action", "Unknown action: " .. shortened(message.action))
    end
    return action(message)
  end,

  subscribed = function(_, result)
    return send {
      type = "market_state",
      market_id = result.topic,
      data = {
        message = "Subscribed to market " .. result.topic,
        subscriptions = subscriptions(result, result.topic),
        subscription_count = result.subscription_count,
        id = result.id,
        snapshot = result.snapshot,
        recovered = result.recovered,
        reason = result.reason,
        conflate = result.conflate,
      },
    }
  end,

  -- Beyond the limit the list is empty: the one market it could name has just gone.
  unsubscribed = function(_, result)
    return send {
      type = "market_state",
      market_id = result.topic,
      data = {
        message = "Unsubscribed from market " .. result.topic,
        subscriptions = subscriptions(result, nil),
        subscription_count = result.subscription_count,
      },
    }
  end,

  snapshot_end = function(_, result)
    return send { type = "snapshot_end", market_id = result.topic, data = { id = result.id } }
  end,

  pong = function(_, result)
    return send { type = "pong", data = { id = result.id } }
  end,

  error = function(_, code, sentence, result)
    return failure(code, sentence, result)
  end,
}

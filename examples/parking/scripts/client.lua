-- A protocol of its own: {"watch":"city:lisbon"}, with "after" the id of the newest event that was
-- seen, or with "rows" the current rows; {"unwatch":"city:lisbon"}; {"ping":1}.

local KINDS = { city = true, site = true, bay = true, car = true }

local function failure(sentence, code)
  return { send = { type = "error", data = { error = sentence, code = code or "bad_message" } } }
end

local function is_topic(value)
  if type(value) ~= "string" or #value > 200 or value:find("%c") then return false end
  return KINDS[value:match("^(%l+):.")] == true
end

local function given(value)
  if value ~= cjson.null then return value end
end

---@type rowcast.ClientScript
return {
  connect = function()
    local watch = { "city:…", "site:…", "bay:…/…", "car:…" }
    return { send = { type = "hello", data = { watch = watch } } }
  end,

  message = function(_, payload, binary)
    local ok, message = pcall(cjson.decode, payload)
    if binary or not ok or type(message) ~= "table" then
      return failure("This is no JSON object")
    end
    if given(message.ping) then return { pong = true } end

    local topic = given(message.watch) or given(message.unwatch)
    if not is_topic(topic) then
      return failure("watch or unwatch takes city:…, site:…, bay:…/… or car:…")
    end
    if given(message.unwatch) then return { unsubscribe = topic } end

    local after, rows = given(message.after), given(message.rows)
    if (after and type(after) ~= "string") or (rows ~= nil and type(rows) ~= "boolean") then
      return failure("after is the id of an event, rows is true or false")
    end
    return { subscribe = topic, since = after, snapshot = rows }
  end,

  subscribed = function(_, result)
    return {
      send = {
        type = "watching",
        topic = result.topic,
        data = {
          at = result.id,
          rows = result.snapshot,
          complete = result.recovered,
          reason = result.reason,
        },
      },
    }
  end,

  unsubscribed = function(_, result)
    return { send = { type = "not_watching", topic = result.topic, data = {} } }
  end,

  snapshot_end = function(_, result)
    return { send = { type = "rows_end", topic = result.topic, data = { at = result.id } } }
  end,

  pong = function(_, result)
    return { send = { type = "pong", data = { at = result.id } } }
  end,

  error = function(_, code, sentence)
    return failure(sentence, code)
  end,
}

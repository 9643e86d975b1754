-- Chat: what is said, mended and taken back in a room is told in the channel "room:<name>".

local function event(name, room, data)
  return { type = name, topic = "room:" .. room, channel = "room:" .. room, data = data }
end

---@type rowcast.Table
return {
  insert = function(new)
    return event("new_message", new.room, new)
  end,

  update = function(new)
    return event("message_changed", new.room, new)
  end,

  delete = function(old)
    return event("message_removed", old.room, { id = old.id })
  end,

  snapshot = function(topic)
    local room = topic:match "^room:(.+)$"
    return { where = "room = $1", args = { room }, order = "id desc", limit = 50, reverse = true }
  end,
}

-- What a client says is the id of the market whose likes it wants to see: now, and as they change.
---@type rowcast.ClientScript
return {
  message = function(_, payload, binary)
    local known = not binary and #payload > 0 and #payload <= 128 and not payload:find "%c"
    if not known then return { close = 1003, reason = "the id of a market is expected" } end
    return { subscribe = payload, snapshot = true }
  end,

  error = function(_, _, sentence)
    return { send = { type = "error", data = { error = sentence } } }
  end,
}

-- An echo: each message comes back as it is, of the same type.
---@type rowcast.ClientScript
return {
  message = function(_, payload, binary)
    return { send = payload, binary = binary }
  end,
}

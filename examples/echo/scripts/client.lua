-- An echo: each message comes back as it is, of the same type.
return {
  message = function(_, payload, binary)
    return { send = payload, binary = binary }
  end,
}

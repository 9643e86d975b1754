return {
  paths = { "/socket/websocket" }, -- what the client makes of new Socket("ws://host:4001/socket")
}

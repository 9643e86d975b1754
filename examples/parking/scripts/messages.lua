-- select pg_logical_emit_message(true, 'rowcast', '{"site":"alfama","text":"Lights off at ten"}')
-- tells everybody at a site something, without a table. Any role may call that function, so nothing
-- is taken on trust.

local topics = require "lib.topics"

local MAX_TEXT = 500

---@type rowcast.Messages
return function(content, ctx)
  local ok, message = pcall(cjson.decode, content)
  local good = ok and type(message) == "table" and type(message.text) == "string"
    and type(message.site) == "string" and #message.site <= 100 and #message.text <= MAX_TEXT
  if not good then
    rowcast.log("warn", "an announcement of xid " .. ctx.xid .. " has no site and text")
    return nil
  end
  return {
    type = "announcement",
    topic = topics.site(message.site),
    site = message.site,
    data = { text = message.text },
  }
end

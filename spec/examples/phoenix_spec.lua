local helper = require("spec.helper").at "examples/phoenix/scripts"

local null = cjson.null
local row = { id = "7", room = "lobby", author = "ada", body = "hello" }

local function event(name, data)
  return { type = name, topic = "room:lobby", channel = "room:lobby", data = data }
end

describe("a chat message", function()
  it("is said, mended and taken back", function()
    assert.events(event("new_message", row), helper.commit(helper.insert("messages", row)))
    local mended = { id = "7", room = "lobby", author = "ada", body = "hi" }
    local update = helper.update("messages", row, { body = "hi" })
    assert.events(event("message_changed", mended), helper.commit(update))
    local removed = event("message_removed", { id = "7" })
    assert.events(removed, helper.commit(helper.delete("messages", row)))
  end)

  it("is among the newest 50 of its room", function()
    local asked = helper.script("tables/messages").snapshot "room:lobby"
    assert.same({ "lobby" }, asked.args)
    assert.equal(50, asked.limit)
  end)
end)

describe("a client of Phoenix", function()
  local client
  before_each(function() client = helper.connect() end)

  local function reply(status, response, topic)
    local payload = { status = status, response = response }
    return { "1", "2", topic or "room:lobby", "phx_reply", payload }
  end

  local function refused(text)
    return client:say(text)[1][5].response.reason
  end

  it("joins, resumes and leaves", function()
    local joined = client:say '["1","2","room:lobby","phx_join",{}]'
    assert.same({ reply("ok", { id = "0a1b", recovered = false }) }, joined)
    joined = client:say '["1","2","room:lobby","phx_join",{"since":"0a"}]'
    assert.same({ reply("ok", { id = "0a", recovered = true }) }, joined)
    assert.same({ reply("ok", {}) }, client:say '["1","2","room:lobby","phx_leave",{}]')
    assert.same({}, client.client.subscriptions)
  end)

  it("takes the rows", function()
    local answers = client:say '["1","2","room:lobby","phx_join",{"rows":true,"since":null}]'
    assert.same(reply("ok", { recovered = false, rows = 0 }), answers[1])
    assert.same({ null, null, "room:lobby", "rows_end", { id = "0a1b" } }, answers[2])
  end)

  it("beats", function()
    local beat = client:say '[null,"2","phoenix","heartbeat",{}]'
    assert.same({ null, "2", "phoenix", "phx_reply", { status = "ok", response = {} } }, beat[1])
  end)

  it("is refused what there is not", function()
    assert.equal("unmatched topic", refused '["1","2","town:x","phx_join",{}]')
    assert.matches("^since is", refused '["1","2","room:x","phx_join",{"since":7}]')
    assert.matches("no others$", refused '["1","2","room:x","shout",{}]')
  end)

  it("is closed when it speaks something else", function()
    local bad = { "", "[]", '["1","2","a","b"]', '[1,"2","a","b",{}]', '["1",2,"a","b",{}]' }
    for _, text in ipairs(bad) do
      client = helper.connect()
      client:say(text)
      assert.equal(1003, client.closed)
    end
    client = helper.connect()
    client:say('["1","2","room:lobby","phx_join",{}]', true)
    assert.equal(1003, client.closed)
  end)

  it("is told of errors: at the join, else in every channel", function()
    local script = helper.script "client"
    local of_join = { topic = "room:lobby", ref = { "1", "2" } }
    local answer = script.error(client.client, "unavailable", "Not yet", of_join)
    assert.same(reply("error", { reason = "Not yet" }), answer.send)
    client.client.subscriptions = { "room:a", "room:b" }
    local all = script.error(client.client, "stream_reset", "Fetch anew", { id = "0a" })
    assert.same({ null, null, "room:b", "phx_error",
      { reason = "Fetch anew", code = "stream_reset" } }, all[2].send)
  end)

  it("gets events as pushes of their channel", function()
    local wire = {
      type = "new_message",
      id = "0a",
      timestamp = "2025-11-09T12:00:00.000Z",
      channel = "room:lobby",
      data = { id = "7", body = "hello" },
    }
    local payload = { id = "0a", message_id = "7", body = "hello", timestamp = wire.timestamp }
    assert.same({ null, null, "room:lobby", "new_message", payload }, client:shape(wire))
  end)

  it("finds it where the framework has it", function()
    assert.same({ "/socket/websocket" }, helper.script("config").paths)
  end)
end)

local helper = require "spec.helper"

local script = helper.script "client"

local function connect()
  return helper.connect(script)
end

local function failure(code, sentence)
  return { { type = "error", data = { error = sentence, code = code } } }
end

local function confirmed(market_id, subscriptions, since)
  return {
    type = "market_state",
    market_id = market_id,
    data = {
      message = "Subscribed to market " .. market_id,
      subscriptions = subscriptions,
      subscription_count = #subscriptions,
      id = since or "0a1b",
      recovered = since ~= nil,
    },
  }
end

local function left(market_id, subscriptions)
  return {
    type = "market_state",
    market_id = market_id,
    data = {
      message = "Unsubscribed from market " .. market_id,
      subscriptions = subscriptions,
      subscription_count = #subscriptions,
    },
  }
end

describe("a client that connects", function()
  it("is welcomed by name", function()
    assert.same({
      {
        type = "welcome",
        data = {
          client_id = "client_1699564800_abc123xyz",
          message = "Connected to ZMART WebSocket server",
        },
      },
    }, connect().welcome)
  end)
end)

describe("subscribing", function()
  it("is confirmed", function()
    assert.same(
      { confirmed("market-123", { "market-123" }) },
      connect():say '{"action":"subscribe","market_id":"market-123"}'
    )
  end)

  it("lists all subscriptions in the order they were made", function()
    local client = connect()
    client:say '{"action":"subscribe","market_id":"b"}'
    assert.same(
      { confirmed("a", { "b", "a" }) },
      client:say '{"action":"subscribe","market_id":"a"}'
    )
  end)

  it("twice confirms the state", function()
    local client = connect()
    client:say '{"action":"subscribe","market_id":"a"}'
    assert.same({ confirmed("a", { "a" }) }, client:say '{"action":"subscribe","market_id":"a"}')
  end)

  it("to several markets confirms each, one after the other", function()
    assert.same(
      { confirmed("a", { "a" }), confirmed("b", { "a", "b" }), confirmed("a", { "a", "b" }) },
      connect():say '{"action":"subscribe","market_ids":["a","b","a"]}'
    )
  end)

  it("resumes behind an id", function()
    assert.same(
      { confirmed("a", { "a" }, "7f") },
      connect():say '{"action":"subscribe","market_id":"a","since":"7f"}'
    )
  end)

  it("resumes several markets behind one id, or each behind its own", function()
    assert.same(
      { confirmed("a", { "a" }, "7f"), confirmed("b", { "a", "b" }, "7f") },
      connect():say '{"action":"subscribe","market_ids":["a","b"],"since":"7f"}'
    )
    assert.same(
      { confirmed("a", { "a" }, "7f"), confirmed("b", { "a", "b" }, "80"),
        confirmed("c", { "a", "b", "c" }) },
      connect():say
        '{"action":"subscribe","market_ids":["a","b","c"],"since":{"a":"7f","b":"80","z":"1"}}'
    )
  end)

  it("asks the core for these topics, ids and event types", function()
    assert.same(
      { { subscribe = "a", since = "7f", events = { "trade", "vote" } } },
      script.message(
        helper.client(),
        '{"action":"subscribe","market_id":"a","since":"7f","events":["trade","vote"]}'
      )
    )
  end)

  it("passes on the position behind which to confirm, for each market", function()
    assert.same(
      { { subscribe = "a", after_lsn = "0/1F" }, { subscribe = "b", after_lsn = "0/1F" } },
      script.message(
        helper.client(),
        '{"action":"subscribe","market_ids":["a","b"],"after_lsn":"0/1F"}'
      )
    )
  end)

  it("passes on that a snapshot is wanted, for each market", function()
    assert.same(
      { { subscribe = "a", snapshot = true }, { subscribe = "b", since = "7f", snapshot = true } },
      script.message(
        helper.client(),
        '{"action":"subscribe","market_ids":["a","b"],"since":{"b":"7f"},"snapshot":true}'
      )
    )
  end)

  it("is answered by a snapshot and its end where one is wanted", function()
    local answers = connect():say '{"action":"subscribe","market_id":"a","snapshot":true}'
    assert.equal(2, #answers)
    assert.equal(0, answers[1].data.snapshot)
    assert.equal("snapshot_end", answers[2].type)
  end)

  it("takes options of null and keys it does not know", function()
    assert.same({ confirmed("a", { "a" }) }, connect():say(
      '{"action":"subscribe","market_id":"a","market_ids":null,"since":null,"events":null,'
        .. '"snapshot":false,"colour":"red"}'
    ))
  end)

  it("needs a market_id", function()
    local answer = failure("market_id_required", "market_id required for subscribe action")
    for _, rest in ipairs {
      "", ',"market_id":null', ',"market_id":""', ',"market_ids":[]', ',"market_ids":["a",null]',
    } do
      assert.same(answer, connect():say('{"action":"subscribe"' .. rest .. "}"))
    end
  end)

  it("needs market ids that are strings of 1 to 128 bytes without control characters", function()
    local answer = failure("invalid_format", "Invalid message format")
    for _, id in ipairs { "1", "true", "{}", '["a"]', '"a\\nb"', '"\\u0000"',
      '"' .. ("x"):rep(129) .. '"' } do
      assert.same(answer, connect():say('{"action":"subscribe","market_id":' .. id .. "}"))
    end
  end)

  it("refuses a list with one wrong id as a whole", function()
    local client = connect()
    assert.same(
      failure("invalid_format", "Invalid message format"),
      client:say '{"action":"subscribe","market_ids":["a","b",7]}'
    )
    assert.same({}, client.client.subscriptions)
  end)

  it("names the option that is wrong", function()
    local wrong = {
      ['"market_ids":["b"]'] = "market_id and market_ids cannot be given together",
      ['"since":7'] =
        "since must be an id, or with market_ids an object of an id for each market",
      ['"events":[]'] = "events must be an array of 1 to 16 event types",
      ['"after_lsn":"7f"'] = "after_lsn must be a position in the log, like 0/16B3748",
      ['"snapshot":1'] = "snapshot must be true or false",
    }
    for option, sentence in pairs(wrong) do
      local client = connect()
      assert.same(
        failure("invalid_option", sentence),
        client:say('{"action":"subscribe","market_id":"a",' .. option .. "}")
      )
      assert.same({}, client.client.subscriptions)
    end
  end)
end)

describe("a snapshot", function()
  it("is announced by its number of messages instead of an id", function()
    local result = {
      topic = "a",
      subscriptions = { "a" },
      subscription_count = 1,
      recovered = false,
      reason = "expired",
      snapshot = 7,
    }
    local data = script.subscribed(helper.client(), result).send.data
    assert.equal(7, data.snapshot)
    assert.equal("expired", data.reason)
    assert.is_nil(data.id)
  end)

  it("ends with the resume point", function()
    assert.same(
      { send = { type = "snapshot_end", market_id = "a", data = { id = "7f" } } },
      script.snapshot_end(helper.client(), { topic = "a", id = "7f" })
    )
  end)
end)

describe("a confirmation", function()
  it("says why nothing could be recovered", function()
    local data = script.subscribed(helper.client(), {
      topic = "a",
      subscriptions = { "a" },
      subscription_count = 1,
      id = "80",
      recovered = false,
      reason = "expired",
    }).send.data
    assert.is_false(data.recovered)
    assert.equal("expired", data.reason)
    assert.equal("80", data.id)
  end)

  it("says of which types a slow client gets the newest only", function()
    local result = { topic = "a", subscriptions = { "a" }, subscription_count = 1, id = "80" }
    assert.is_nil(script.subscribed(helper.client(), result).send.data.conflate)
    result.conflate = { "market_state" }
    assert.same({ "market_state" }, script.subscribed(helper.client(), result).send.data.conflate)
  end)

  it("lists 100 subscriptions in full", function()
    local client = connect()
    for i = 1, 99 do client:say('{"action":"subscribe","market_id":"m' .. i .. '"}') end
    local data = client:say('{"action":"subscribe","market_id":"m100"}')[1].data
    assert.equal(100, #data.subscriptions)
    assert.equal(100, data.subscription_count)
  end)

  -- A result whose long list must not be touched.
  local function long(count)
    return setmetatable({ topic = "m7", subscription_count = count, id = "80" }, {
      __index = function(_, name)
        if name == "subscriptions" then error("the long list was built") end
      end,
    })
  end

  it("beyond 100 lists this market only, and how many there are", function()
    local data = script.subscribed(helper.client(), long(101)).send.data
    assert.same({ "m7" }, data.subscriptions)
    assert.equal(101, data.subscription_count)
  end)

  it("of an unsubscribe beyond 100 lists none, for this market is gone", function()
    local data = script.unsubscribed(helper.client(), long(101)).send.data
    assert.same({}, data.subscriptions)
    assert.is_true(helper.is_array(data.subscriptions))
    assert.equal(101, data.subscription_count)
  end)
end)

describe("unsubscribing", function()
  it("is confirmed, with an array also when nothing is left", function()
    local client = connect()
    client:say '{"action":"subscribe","market_id":"market-123"}'
    local answers = client:say '{"action":"unsubscribe","market_id":"market-123"}'
    assert.same({ left("market-123", {}) }, answers)
    assert.is_true(helper.is_array(answers[1].data.subscriptions))
  end)

  it("keeps the order of what remains", function()
    local client = connect()
    client:say '{"action":"subscribe","market_ids":["a","b","c"]}'
    assert.same(
      { left("b", { "a", "c" }) },
      client:say '{"action":"unsubscribe","market_id":"b"}'
    )
  end)

  it("from several markets confirms each", function()
    local client = connect()
    client:say '{"action":"subscribe","market_ids":["a","b","c"]}'
    assert.same(
      { left("c", { "a", "b" }), left("a", { "b" }) },
      client:say '{"action":"unsubscribe","market_ids":["c","a"]}'
    )
  end)

  it("from what one has not confirms the state", function()
    assert.same({ left("a", {}) }, connect():say '{"action":"unsubscribe","market_id":"a"}')
  end)

  it("needs a market_id", function()
    local answer = failure("market_id_required", "market_id required for unsubscribe action")
    for _, rest in ipairs { "", ',"market_id":null', ',"market_id":""', ',"market_ids":[]' } do
      assert.same(answer, connect():say('{"action":"unsubscribe"' .. rest .. "}"))
    end
  end)

  it("refuses wrong market ids", function()
    assert.same(
      failure("invalid_format", "Invalid message format"),
      connect():say '{"action":"unsubscribe","market_id":7}'
    )
  end)
end)

describe("ping and pong", function()
  it("answer a ping with a resume point", function()
    assert.same(
      { { type = "pong", data = { id = "0a1b" } } },
      connect():say '{"action":"ping"}'
    )
  end)

  it("answer a pong with nothing", function()
    assert.same({}, connect():say '{"action":"pong"}')
  end)
end)

describe("an action nobody knows", function()
  local function unknown(action)
    return failure("unknown_action", "Unknown action: " .. action)
  end

  it("is named in the answer", function()
    assert.same(unknown "x", connect():say '{"action":"x"}')
    assert.same(unknown "", connect():say '{"action":""}')
    assert.same(unknown "Subscribe", connect():say '{"action":"Subscribe"}')
  end)

  it("may be one that Lua knows", function()
    for _, action in ipairs { "__index", "insert", "connect", "message" } do
      assert.same(unknown(action), connect():say('{"action":"' .. action .. '"}'))
    end
  end)

  it("may be one of a server that authenticates", function()
    assert.same(unknown "auth", connect():say '{"action":"auth","token":"t"}')
  end)

  local function echoed(action)
    return connect():say('{"action":"' .. action .. '"}')[1].data.error:sub(#"Unknown action: " + 1)
  end

  it("is repeated up to 64 bytes", function()
    assert.equal(("x"):rep(64), echoed(("x"):rep(64)))
    assert.equal(("x"):rep(64), echoed(("x"):rep(65)))
    assert.equal(("x"):rep(64), echoed(("x"):rep(5000)))
  end)

  it("is never cut within a character", function()
    assert.equal(("ö"):rep(32), echoed(("ö"):rep(40)))
    assert.equal("x" .. ("ö"):rep(31), echoed("x" .. ("ö"):rep(40)))
    assert.equal(("🗳"):rep(16), echoed(("🗳"):rep(17)))
    assert.equal("xx" .. ("🗳"):rep(15), echoed("xx" .. ("🗳"):rep(17)))
    assert.equal(("x"):rep(60) .. "🗳", echoed(("x"):rep(60) .. "🗳ö"))
    assert.equal(("x"):rep(63), echoed(("x"):rep(63) .. "€"))
  end)
end)

describe("what is no message", function()
  local answer = failure("invalid_format", "Invalid message format")

  it("is answered, and the client may go on", function()
    local client = connect()
    for _, payload in ipairs { "", "hello", "{", "[]", '["subscribe"]', "{}", "null", "7",
      '{"action":7}', '{"action":null}', '{"market_id":"a"}' } do
      assert.same(answer, client:say(payload))
    end
    assert.same({ confirmed("a", { "a" }) }, client:say '{"action":"subscribe","market_id":"a"}')
  end)

  it("may be a binary frame", function()
    assert.same(answer, connect():say('{"action":"ping"}', true))
  end)
end)

describe("what the core has to say", function()
  local function told(...)
    return script.error(helper.client(), ...).send
  end

  it("is an error with its code and sentence", function()
    assert.same(
      { type = "error", data = { error = "Too many messages", code = "rate_limited" } },
      told("rate_limited", "Too many messages")
    )
  end)

  it("names the market it is about", function()
    assert.same(
      {
        type = "error",
        market_id = "a",
        data = { error = "Too many subscriptions", code = "too_many_subscriptions" },
      },
      told("too_many_subscriptions", "Too many subscriptions", { topic = "a" })
    )
  end)

  it("carries the id from which a new stream starts", function()
    assert.equal("80", told("stream_reset", "The stream was reset", { id = "80" }).data.id)
  end)
end)

local helper = require("spec.helper").at "examples/likes/scripts"

local market = { id = "m", question = "Will it rain?", likes = 14 }

local function likes(count, change, text)
  local data = { likes = count, change = change, text = text }
  return { type = "likes", topic = "m", market_id = "m", data = data }
end

describe("the likes of a market", function()
  it("are told when they change, with the way they went", function()
    local more = helper.update("markets", market, { likes = 15 })
    assert.events(likes(15, 1, "15 likes"), helper.commit(more))
    local fewer = helper.update("markets", market, { likes = 1 })
    assert.events(likes(1, -13, "1 like"), helper.commit(fewer))
  end)

  it("are not told when something else does", function()
    local renamed = helper.update("markets", market, { question = "Will it snow?" })
    assert.events({}, helper.commit(renamed))
  end)

  it("are told with each update where the old row is not known", function()
    local change = { op = "update", table = "markets", new = market }
    assert.events(likes(14, nil, "14 likes"), helper.commit(change))
  end)

  it("are what a snapshot shows", function()
    assert.events(likes(14, 0, "14 likes"), helper.snapshot("markets", market))
    assert.equal("id = $1", helper.script("tables/markets").snapshot.where)
  end)
end)

describe("a client", function()
  it("names the market", function()
    local client = helper.connect()
    assert.same({}, client:say "m")
    assert.same({ "m" }, client.client.subscriptions)
  end)

  it("is closed when it names none", function()
    for _, payload in ipairs { "", "a\n", ("x"):rep(129) } do
      local client = helper.connect()
      client:say(payload)
      assert.equal(1003, client.closed)
    end
  end)

  it("is told what the core has to say", function()
    local answer = helper.script("client").error({}, "unavailable", "Not yet")
    assert.equal("Not yet", answer.send.data.error)
  end)
end)

local helper = require "spec.helper"

describe("pairs", function()
  it("walks numbers, then strings, ascending", function()
    local keys = {}
    for key in pairs { b = 1, a = 1, [2] = 1, [-1] = 1, [1.5] = 1, B = 1, [""] = 1 } do
      keys[#keys + 1] = key
    end
    assert.same({ -1, 1.5, 2, "", "B", "a", "b" }, keys)
  end)

  it("walks a table that loses keys on the way", function()
    local t, keys = { a = 1, b = 2, c = 3 }, {}
    for key in pairs(t) do
      keys[#keys + 1] = key
      t.b = nil
    end
    assert.same({ "a", "c" }, keys)
  end)
end)

describe("a row", function()
  it("reads NULL as nil and is whole again in an event", function()
    local row = helper.row { a = 1, b = rowcast.null }
    assert.is_nil(row.b)
    assert.same({ a = 2, b = rowcast.null, c = 3 }, rowcast.extend(row, { a = 2, c = 3 }))
    assert.equal(1, row.a)
  end)

  it("gives a large value to be measured, compared and passed on, not to be read", function()
    local text = ("x"):rep(1024 * 1024 + 1)
    local row, other = helper.row { v = text }, helper.row { v = text }
    assert.equal("userdata", type(row.v))
    assert.equal(#text, #row.v)
    assert.is_true(row.v == other.v)
    assert.is_false(row.v == helper.row({ v = text .. "y" }).v)
    local message = helper.raised(function() return row.v .. "y" end)
    assert.matches("the column 'v' holds 1048577 bytes", message, 1, true)
    assert.equal("string", type(helper.row({ v = ("x"):rep(1024 * 1024) }).v))
  end)
end)

describe("ctx.rows", function()
  local changes = {
    { op = "insert", table = "t", new = { id = "1", n = 5 } },
    { op = "update", table = "t", old = { id = "1", n = 5 }, new = { id = "2", n = 6 } },
    { op = "delete", table = "t", old = { id = "2", n = rowcast.null } },
    { op = "insert", table = "s", new = { id = "2" } },
    { op = "truncate", table = "t" },
  }

  local function places(...)
    local found = {}
    for i, change in ipairs(helper.ctx(changes, 1).rows(...)) do found[i] = change.index end
    return found
  end

  it("finds the changes of a table", function()
    assert.same({ 1, 2, 3, 5 }, places "t")
    assert.same({}, places "none")
  end)

  it("finds them by a value of their new, else old row", function()
    assert.same({ 2, 3 }, places("t", "id", "2"))
    assert.same({ 1 }, places("t", "n", 5))
    assert.same({ 1 }, places("t", "n", "5"))
    assert.same({}, places("t", "n", nil))
    assert.same({}, places("t", "none", "2"))
  end)

  it("finds them by what happened too", function()
    assert.same({ 3 }, places("t", "id", "2", "delete"))
    assert.same({}, places("t", "id", "2", "insert"))
  end)
end)

describe("a script", function()
  local env = getfenv(helper.script("client").connect)

  it("sees nothing outside the sandbox", function()
    for _, name in ipairs { "os", "io", "debug", "package", "jit", "loadstring" } do
      assert.is_nil(env[name])
    end
    assert.is_nil(env.rawset)
    assert.is_nil(env.table.foreach)
    assert.is_nil(env.math.random)
    assert.is_nil(env.string.dump)
  end)

  it("finds the libraries by either name", function()
    assert.equal(env.require "lib.lmsr", env.require "lmsr")
    assert.has_error(function() env.require "os" end)
  end)

  it("cannot set globals", function()
    assert.has_error(function() env.counter = 1 end)
  end)

  it("sees no address, and no order that is none", function()
    assert.equal("table", env.tostring {})
    assert.equal("function, null, 7", env.string.format("%s, %s, %d", print, cjson.null, 7))
    assert.matches("differ in every process", helper.raised(env.string.format, "%p", {}))
    assert.equal("%p", env.string.format "%%p")
    assert.matches("has no order", helper.raised(env.pairs, { [{}] = 1 }))
    assert.same({ "a", 1 }, { env.next({ b = 2, a = 1 }) })
    assert.same({ "b", 2 }, { env.next({ b = 2, a = 1 }, "a") })
    assert.is_nil(env.next({ b = 2, a = 1 }, "b"))
  end)

  it("prints into the log", function()
    env.print("x", nil, {})
    local level = { level = "info", message = "x\tnil\ttable" }
    assert.same(level, helper.logged[#helper.logged])
  end)
end)

describe("a transaction in a line", function()
  local old = { id = "1", state = "PROPOSED" }

  it("is made of changes as recorded rows have them", function()
    assert.same({ op = "insert", table = "votes", new = old }, helper.insert("votes", old))
    assert.same({ op = "delete", table = "votes", old = old }, helper.delete("votes", old))
    assert.same({ op = "truncate", table = "votes" }, helper.truncate "votes")
    local update = helper.update("markets", old, { state = "ACTIVE" })
    assert.same({ id = "1", state = "ACTIVE" }, update.new)
    assert.same({ id = "1", state = "PROPOSED" }, update.old)
  end)

  it("may be one change", function()
    local vote = { market_id = "m", vote_type = "dispute", vote = true }
    assert.equal("vote", helper.commit(helper.insert("votes", vote))[1].type)
    assert.equal(1, #helper.ctx(helper.insert("votes", vote)).rows "votes")
    assert.equal(1, #helper.ctx(helper.insert("public.votes", vote)).rows "votes")
  end)

  it("may have changes of tables that have no script", function()
    local line = helper.insert("order_lines", { product = "tea" })
    assert.events({}, helper.commit { line })
    assert.equal("tea", helper.ctx({ line }).rows("order_lines")[1].new.product)
  end)

  it("has no siblings in a snapshot", function()
    local rows, reason = helper.ctx({ op = "snapshot", table = "votes", new = {} }).rows "votes"
    assert.is_nil(rows)
    assert.matches("a snapshot shows rows", reason)
    local trade = { market_id = "m", trade_type = "buy", outcome = true, shares = "1", cost = "2" }
    assert.equal("trade", helper.snapshot("trades", trade)[1].type)
  end)

  it("knows the schema", function()
    local ctx = helper.ctx(helper.insert("depot.bays", {}))
    assert.same({ "depot", "bays" }, { ctx.schema, ctx.table })
    assert.equal("public", helper.ctx(helper.insert("bays", {})).schema)
  end)
end)

describe("assert.events", function()
  local data = { n = 1, list = { "x", "y" }, none = rowcast.null }
  local event = { type = "t", topic = "a", data = data }

  local function change(fields, columns)
    local copy = { type = "t", topic = "a", data = { n = 1, list = { "x", "y" } } }
    copy.data.none = rowcast.null
    for name, value in pairs(fields or {}) do copy[name] = value end
    for name, value in pairs(columns or {}) do copy.data[name] = value end
    return copy
  end

  it("takes what is equal, one event or a list", function()
    assert.events(event, change())
    assert.events({ event }, { change() })
    assert.events({}, {})
    assert.Not.events(event, change { more = true })
  end)

  it("says what differs, key by key", function()
    local got = change({ topic = "b" }, { list = { "x" } })
    local message = tostring(helper.raised(assert.events, event, got))
    assert.matches('event 1 (t).data.list[2]: expected "y", got nothing', message, 1, true)
    assert.matches('event 1 (t).topic: expected "a", got "b"', message, 1, true)
    assert.is_nil(message:find("data.n:", 1, true))
  end)

  it("says what is missing, and what is too much", function()
    assert.same(
      { 'event 1 (t): expected { data = { list = { "x", "y" }, n = 1, none = null }, topic = "a", '
        .. 'type = "t" }, got nothing' },
      helper.difference({ event }, {})
    )
    assert.matches("^event 2 %(t%): not expected", helper.difference(event, { event, event })[1])
    assert.same({ "event 1 (t).data.n: expected 1, got null" },
      helper.difference(event, change(nil, { n = rowcast.null })))
  end)
end)

describe("an empty table in an event", function()
  it("is a list or an object, which JSON tells apart", function()
    local list = { type = "t", topic = "a", data = rowcast.array {} }
    local object = { type = "t", topic = "a", data = {} }
    assert.events(list, { type = "t", topic = "a", data = rowcast.array {} })
    assert.same({ "event 1 (t).data: expected [] (rowcast.array {}), got {}" },
      helper.difference(list, object))
    assert.same({ "event 1 (t).data: expected {}, got [] (rowcast.array {})" },
      helper.difference(object, list))
  end)
end)

describe("what the core refuses", function()
  local function refused(result)
    return helper.raised(helper.check, result)
  end

  it("is refused here", function()
    assert.matches("without 'type'", refused { topic = "t" }, 1, true)
    assert.matches("without 'topic'", refused { type = "t" }, 1, true)
    assert.matches("1 to 255 bytes", refused { type = "t", topic = "" }, 1, true)
    assert.matches("sets 'id'", refused { type = "t", topic = "t", id = 1 }, 1, true)
    assert.matches("no event", refused { "text" }, 1, true)
    assert.matches("no event", refused(7), 1, true)
    assert.same({}, helper.check(nil))
    assert.same({}, helper.check {})
  end)
end)

describe("a format", function()
  local script = {
    message = function() return { { format = "short" }, { send = "done" } } end,
    formats = { short = function(event) return event.type end },
  }

  it("is chosen by a client, and shapes its events", function()
    local client = helper.connect(script)
    assert.same({ type = "t" }, client:shape { type = "t" })
    assert.same({ "done" }, client:say "x")
    assert.equal("t", client:shape { type = "t" })
  end)
end)

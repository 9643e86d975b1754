local helper = require("spec.helper").at "examples/parking/scripts"

local site = { id = "alfama", city = "lisbon", name = "Alfama", free = 4 }
local bay = { site = "alfama", number = 7, kind = "car", plate = rowcast.null }
local taken = { site = "alfama", number = 7, kind = "car", plate = "AB-12" }
local booking = {
  id = "1",
  site = "alfama",
  bay = 7,
  plate = "AB-12",
  starts = "2025-11-09T12:00:00.000Z",
  hours = "1.5",
}

local AT_BAY = { "site:alfama", "bay:alfama/7" }

local function bay_event(action, is_taken)
  local data = { action = action, kind = "car", taken = is_taken }
  return { type = "bay", topic = AT_BAY, site = "alfama", bay = 7, data = data }
end

local function car_event(action, plate)
  local data = { action = action, site = "alfama", bay = 7 }
  return { type = "car", topic = "car:" .. plate, data = data }
end

describe("a bay", function()
  it("is added and removed", function()
    assert.events(bay_event("added", false), helper.commit(helper.insert("depot.bays", bay)))
    assert.events(bay_event("removed", false), helper.commit(helper.delete("depot.bays", bay)))
  end)

  it("tells its watchers that it is taken, and the car's where", function()
    local events = helper.commit(helper.update("depot.bays", bay, { plate = "AB-12" }))
    assert.events({ bay_event("taken", true), car_event("parked", "AB-12") }, events)
  end)

  it("tells that somebody leaves", function()
    local events = helper.commit(helper.update("depot.bays", taken, { plate = rowcast.null }))
    assert.events({ bay_event("left", false), car_event("left", "AB-12") }, events)
  end)

  it("tells two cars when one takes the other's place", function()
    local events = helper.commit(helper.update("depot.bays", taken, { plate = "CD-34" }))
    local expected = { bay_event("changed", true) }
    expected[2], expected[3] = car_event("left", "AB-12"), car_event("parked", "CD-34")
    assert.events(expected, events)
  end)

  it("says nothing of cars when only its kind changes", function()
    local events = helper.commit(helper.update("depot.bays", taken, { kind = "van" }))
    local expected = bay_event("changed", true)
    expected.data.kind = "van"
    assert.events(expected, events)
  end)

  it("is shown as it is in a snapshot", function()
    assert.events(bay_event("is", true), helper.snapshot("depot.bays", taken))
  end)
end)

describe("a site", function()
  local function event(free, bays)
    local data = { city = "lisbon", name = "Alfama", free = free, bays = bays }
    local topics = { "city:lisbon", "site:alfama" }
    return { type = "site", topic = topics, site = "alfama", data = data }
  end

  it("tells how many bays are free, and which ones changed", function()
    assert.events(
      { bay_event("taken", true), car_event("parked", "AB-12"), event(3, { 7 }) },
      helper.commit {
        helper.update("depot.bays", bay, { plate = "AB-12" }),
        helper.update("depot.sites", site, { free = 3 }),
      }
    )
  end)

  it("names a bay once, and none of another site", function()
    local events = helper.commit {
      helper.update("depot.bays", bay, { plate = "AB-12" }),
      helper.delete("depot.bays", taken),
      helper.insert("depot.bays", { site = "belem", number = 1, kind = "car" }),
      helper.update("depot.sites", site, { free = 3 }),
    }
    assert.same({ 7 }, events[#events].data.bays)
  end)

  it("is new, or closed", function()
    assert.events(event(4), helper.commit(helper.insert("depot.sites", site)))
    assert.events(
      { type = "site_closed", topic = { "city:lisbon", "site:alfama" }, site = "alfama" },
      helper.commit(helper.delete("depot.sites", site))
    )
  end)

  it("is silent when nothing changes that is told", function()
    assert.events({}, helper.commit(helper.update("depot.sites", site, {})))
  end)
end)

describe("a booking", function()
  local function events(action)
    local open = { action = action, id = "1", starts = booking.starts, hours = "1.5" }
    return {
      { type = "booking", topic = AT_BAY, site = "alfama", bay = 7, data = open },
      {
        type = "my_booking",
        topic = "car:AB-12",
        data = { action = action, booking = booking },
      },
    }
  end

  it("is told to who booked with the plate, to others without", function()
    assert.events(events "made", helper.commit(helper.insert("depot.bookings", booking)))
    assert.events(events "is", helper.snapshot("depot.bookings", booking))
  end)

  it("is changed", function()
    local update = helper.update("depot.bookings", booking, {})
    assert.events(events "changed", helper.commit(update))
  end)

  it("is cancelled when it is deleted", function()
    assert.events(events "cancelled", helper.commit(helper.delete("depot.bookings", booking)))
  end)
end)

describe("an announcement", function()
  it("is told at its site", function()
    local data = { text = "Lights off" }
    assert.events(
      { type = "announcement", topic = "site:alfama", site = "alfama", data = data },
      helper.message '{"site":"alfama","text":"Lights off"}'
    )
  end)

  it("is dropped, with a line in the log, when it is none", function()
    local bad = { "", "7", "[]", '{"site":"alfama"}', '{"site":7,"text":"x"}' }
    bad[#bad + 1] = '{"site":"alfama","text":"' .. ("x"):rep(501) .. '"}'
    for _, content in ipairs(bad) do
      local before = #helper.logged
      assert.events({}, helper.message(content))
      assert.equal(before + 1, #helper.logged)
    end
  end)
end)

describe("the snapshot", function()
  local function asked(name, topic)
    return helper.script("tables/depot." .. name).snapshot(topic)
  end

  it("of a city has its sites", function()
    assert.same({ "lisbon" }, asked("sites", "city:lisbon").args)
    assert.is_nil(asked("bays", "city:lisbon"))
    assert.is_nil(asked("bookings", "city:lisbon"))
  end)

  it("of a site has the site, its bays and bookings", function()
    for _, name in ipairs { "sites", "bays", "bookings" } do
      assert.same({ "alfama" }, asked(name, "site:alfama").args)
    end
  end)

  it("of a bay has the bay", function()
    assert.same({ "alfama", "7" }, asked("bays", "bay:alfama/7").args)
    assert.is_nil(asked("bays", "bay:alfama/x"))
    assert.is_nil(asked("sites", "bay:alfama/7"))
  end)

  it("of a car has its bookings", function()
    assert.same({ "AB-12" }, asked("bookings", "car:AB-12").args)
  end)
end)

describe("a client", function()
  local client
  before_each(function() client = helper.connect() end)

  local function code(payload, binary)
    return client:say(payload, binary)[1].data.code
  end

  it("is told what there is to watch", function()
    assert.equal("hello", client.welcome[1].type)
  end)

  it("watches, and no longer", function()
    local answer = client:say('{"watch":"bay:alfama/7"}')[1]
    assert.same({ "watching", "bay:alfama/7", false },
      { answer.type, answer.topic, answer.data.complete })
    assert.equal("not_watching", client:say('{"unwatch":"bay:alfama/7","watch":null}')[1].type)
    assert.same({}, client.client.subscriptions)
  end)

  it("resumes, or takes the rows", function()
    assert.is_true(client:say('{"watch":"city:porto","after":"0a"}')[1].data.complete)
    local answers = client:say '{"watch":"city:lisbon","rows":true}'
    assert.same({ "watching", "rows_end" }, { answers[1].type, answers[2].type })
  end)

  it("asks where it is", function()
    assert.equal("pong", client:say('{"ping":1}')[1].type)
  end)

  it("is told what it got wrong", function()
    local bad = { "", "[]", "7", '{"watch":7}', '{"watch":"town:x"}', '{"watch":"city:"}' }
    bad[#bad + 1] = '{"watch":"city:a\\u0001"}'
    bad[#bad + 1] = '{"watch":"city:a","after":7}'
    bad[#bad + 1] = '{"watch":"city:a","rows":1}'
    for _, payload in ipairs(bad) do assert.equal("bad_message", code(payload)) end
    assert.equal("bad_message", code("\0", true))
    assert.is_nil(client.closed)
  end)

  it("is told what the core has to say", function()
    local answer = helper.script("client").error(client.client, "rate_limited", "Too many")
    assert.same({ error = "Too many", code = "rate_limited" }, answer.send.data)
  end)
end)

it("has a path of its own", function()
  assert.same({ "/", "/parking" }, helper.script("config").paths)
end)

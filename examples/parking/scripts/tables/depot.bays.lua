-- Somebody parks, somebody leaves. Whose car it is does not concern those who watch a site.

local topics = require "lib.topics"

local function bay(action, row)
  return {
    type = "bay",
    topic = { topics.site(row.site), topics.bay(row.site, row.number) },
    site = row.site,
    bay = row.number,
    data = { action = action, kind = row.kind, taken = row.plate ~= nil },
  }
end

local function car(action, row, plate)
  return {
    type = "car",
    topic = topics.car(plate),
    data = { action = action, site = row.site, bay = row.number },
  }
end

local function action_of(new, old)
  if not new.plate and old.plate then return "left" end
  if new.plate and not old.plate then return "taken" end
  return "changed"
end

---@type rowcast.Table
return {
  insert = function(new, ctx)
    return bay(ctx.op == "snapshot" and "is" or "added", new)
  end,

  -- One change, events for several kinds of watchers: the bay's, and those of the cars concerned.
  update = function(new, old)
    local events = { bay(action_of(new, old), new) }
    if old.plate ~= new.plate then
      if old.plate then events[#events + 1] = car("left", old, old.plate) end
      if new.plate then events[#events + 1] = car("parked", new, new.plate) end
    end
    return events
  end,

  delete = function(old)
    return bay("removed", old)
  end,

  snapshot = function(topic)
    local site, number = topics.read("bay", topic)
    if site then
      return { where = "site = $1 and number = $2", args = { site, number }, rank = 2 }
    end
    site = topics.read("site", topic)
    return site and { where = "site = $1", args = { site }, order = "number", rank = 2 }
  end,
}

-- A bay is booked; a booking that is cancelled is deleted. Everybody may know that the bay is
-- promised, but only the one who booked it gets the whole row.

local topics = require "lib.topics"

local function booking(action, row)
  return {
    {
      type = "booking",
      topic = { topics.site(row.site), topics.bay(row.site, row.bay) },
      site = row.site,
      bay = row.bay,
      data = { action = action, id = row.id, starts = row.starts, hours = row.hours },
    },
    {
      type = "my_booking",
      topic = topics.car(row.plate),
      data = { action = action, booking = row },
    },
  }
end

---@type rowcast.Table
return {
  insert = function(new, ctx)
    return booking(ctx.op == "snapshot" and "is" or "made", new)
  end,

  update = function(new)
    return booking("changed", new)
  end,

  delete = function(old)
    return booking("cancelled", old)
  end,

  snapshot = function(topic)
    local plate, site = topics.read("car", topic), topics.read("site", topic)
    if plate then return { where = "plate = $1", args = { plate }, order = "id", rank = 3 } end
    return site and { where = "site = $1", args = { site }, order = "id", rank = 3 }
  end,
}

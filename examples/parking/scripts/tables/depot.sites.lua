-- How many bays of a site are free: for those who watch the site, and for those who watch its city.

local topics = require "lib.topics"

local function site(row, changed)
  return {
    type = "site",
    topic = { topics.city(row.city), topics.site(row.id) },
    site = row.id,
    data = { city = row.city, name = row.name, free = row.free, bays = changed },
  }
end

-- The bays of the site that the same transaction changed.
local function changed_bays(row, ctx)
  local numbers, seen = rowcast.array {}, {}
  for _, change in ipairs(ctx.rows("depot.bays", "site", row.id) or {}) do
    local number = (change.new or change.old).number
    if not seen[number] then numbers[#numbers + 1] = number end
    seen[number] = true
  end
  return numbers
end

---@type rowcast.Table
return {
  insert = function(new)
    return site(new)
  end,

  update = function(new, old, ctx)
    if old and old.free == new.free and old.name == new.name then return nil end
    return site(new, changed_bays(new, ctx))
  end,

  delete = function(old)
    return {
      type = "site_closed",
      topic = { topics.city(old.city), topics.site(old.id) },
      site = old.id,
    }
  end,

  snapshot = function(topic)
    local city = topics.read("city", topic)
    if city then return { where = "city = $1", args = { city }, order = "id", rank = 1 } end
    local id = topics.read("site", topic)
    return id and { where = "id = $1", args = { id }, rank = 1 }
  end,
}

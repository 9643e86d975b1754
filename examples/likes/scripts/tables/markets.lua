-- How many like a market: a small event of its own, whenever the count has changed.

local function text(likes)
  return likes == 1 and "1 like" or likes .. " likes"
end

local function likes(row, change)
  return {
    type = "likes",
    topic = row.id,
    market_id = row.id,
    data = { likes = row.likes, change = change, text = text(row.likes) },
  }
end

---@type rowcast.Table
return {
  insert = function(new)
    return likes(new, 0)
  end,

  -- Without the old row (no REPLICA IDENTITY FULL) each update tells the count.
  update = function(new, old)
    if not old then return likes(new) end
    if new.likes ~= old.likes then return likes(new, new.likes - old.likes) end
  end,

  snapshot = { where = "id = $1" },
}

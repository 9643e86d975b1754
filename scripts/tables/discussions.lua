-- Somebody commented on a market: a `discussion` event.

local column = require "lib.column"

---@type rowcast.Table
return {
  insert = function(new)
    local market_id = column.key(new, "market_id")
    return {
      type = "discussion",
      topic = market_id,
      market_id = market_id,
      data = {
        id = new.id,
        content = new.content,
        user_wallet = new.user_wallet,
        created_at = new.created_at,
      },
    }
  end,

  snapshot = {
    where = "market_id = $1",
    order = "created_at desc, ctid desc",
    limit = 100,
    reverse = true,
    rank = 4,
  },
}

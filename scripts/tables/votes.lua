-- Somebody voted on a proposal or a dispute: a `vote` event.

local column = require "lib.column"

---@type rowcast.Table
return {
  insert = function(new)
    local market_id = column.key(new, "market_id")
    return {
      type = "vote",
      topic = market_id,
      market_id = market_id,
      data = {
        vote_type = new.vote_type,
        vote = new.vote,
        user_wallet = new.user_wallet,
        created_at = new.created_at,
      },
    }
  end,

  -- ctid: what one transaction wrote has one created_at, and the order of writing.
  snapshot = {
    where = "market_id = $1",
    order = "created_at desc, ctid desc",
    limit = 100,
    reverse = true,
    rank = 3,
  },
}

-- A market was created, changed or deleted: a `market_state` event with the whole row.

local column = require "lib.column"
local lmsr = require "lib.lmsr"

local null = rowcast.null

local function market(row)
  local yes, no = column.number(row, "yes_shares"), column.number(row, "no_shares")
  local price_yes, price_no = lmsr.price(yes, no, column.number(row, "b"))
  return rowcast.extend(row, {
    yes_shares = yes, -- nil leaves the column as it is
    no_shares = no,
    price_yes = price_yes or null,
    price_no = price_no or null,
  })
end

local function state(row)
  return row and row.state or null
end

local function market_state(action, market_id, old, new)
  return {
    type = "market_state",
    topic = market_id,
    market_id = market_id,
    data = {
      action = action,
      old_state = state(old),
      new_state = state(new),
      market = market(new or old),
    },
  }
end

---@type rowcast.Table
return {
  insert = function(new)
    return market_state("created", column.key(new, "id"), nil, new)
  end,

  update = function(new, old)
    return market_state("updated", column.key(new, "id"), old, new)
  end,

  delete = function(old)
    return market_state("deleted", column.key(old, "id"), old, nil)
  end,

  snapshot = { where = "id = $1", rank = 1 },
}

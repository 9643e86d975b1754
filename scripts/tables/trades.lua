-- Somebody traded: a `trade` event, with the price it moved where that is known.

local column = require "lib.column"
local lmsr = require "lib.lmsr"

-- The place of this change in a list of ctx.rows, whose changes stand in order.
local function place(ctx, list)
  local first, last = 1, #list
  while first < last do
    local middle = math.floor((first + last) / 2)
    if list[middle].index < ctx.index then first = middle + 1 else last = middle end
  end
  return first
end

-- The market as it was and as it became through this trade; nothing if the
-- transaction did not update it. With one update for each trade they pair up in
-- order, else a trade is shown the way from the first update to the last.
local function around_trade(ctx, market_id)
  local updates = ctx.rows("markets", "id", market_id, "update")
  if not updates or #updates == 0 then return nil end

  local trades = ctx.rows("trades", "market_id", market_id, "insert")
  if #trades == #updates then
    local update = updates[place(ctx, trades)]
    return update.old, update.new
  end
  return updates[1].old, updates[#updates].new
end

local function yes_price(market)
  if not market then return nil end
  local yes, no = column.number(market, "yes_shares"), column.number(market, "no_shares")
  return (lmsr.price(yes, no, column.number(market, "b")))
end

local function prices(ctx, market_id)
  local was, became = around_trade(ctx, market_id)
  local before, after = yes_price(was), yes_price(became)
  if before and after then return before, after, after - before end
end

---@type rowcast.Table
return {
  insert = function(new, ctx)
    local market_id = column.key(new, "market_id")
    local before, after, impact = prices(ctx, market_id)
    return {
      type = "trade",
      topic = market_id,
      market_id = market_id,
      data = {
        trade_type = new.trade_type,
        outcome = new.outcome,
        shares = column.text(new, "shares"),
        cost = column.text(new, "cost"),
        user_wallet = new.user_wallet,
        created_at = new.created_at,
        price_before = before,
        price_after = after,
        price_impact = impact,
      },
    }
  end,

  -- ctid: what one transaction wrote has one created_at, and the order of writing.
  snapshot = {
    where = "market_id = $1",
    order = "created_at desc, ctid desc",
    limit = 100,
    reverse = true,
    rank = 2,
  },
}

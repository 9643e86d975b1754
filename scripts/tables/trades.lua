-- Somebody traded: a `trade` event, with the price it moved where that is known.

local column = require "lib.column"
local lmsr = require "lib.lmsr"

-- This transaction's changes of one kind that concern one market, in order.
local function siblings(ctx, name, op, key, market_id)
  local found = {}
  for _, change in ipairs(ctx.rows(name) or {}) do
    if change.op == op and column.text(change.new, key) == market_id then
      found[#found + 1] = change
    end
  end
  return found
end

-- The market as it was and as it became through this trade; nothing if the
-- transaction did not update it. With one update for each trade they pair up in
-- order, else a trade is shown the way from the first update to the last.
local function around_trade(ctx, market_id)
  local updates = siblings(ctx, "markets", "update", "id", market_id)
  if #updates == 0 then return nil end

  local trades = siblings(ctx, "trades", "insert", "market_id", market_id)
  if #trades == #updates then
    for i, trade in ipairs(trades) do
      if trade.index == ctx.index then return updates[i].old, updates[i].new end
    end
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
}

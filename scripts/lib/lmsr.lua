-- The logarithmic market scoring rule: what a share of YES and of NO costs now.
--
-- The textbook writes it e^(yes/b) / (e^(yes/b) + e^(no/b)), which overflows once
-- shares reach some 700 times b. The same price as a logistic of the lead does not.

local lmsr = {}

local function finite(value)
  return type(value) == "number" and value - value == 0
end

local function logistic(x)
  return 1 / (1 + math.exp(-x))
end

-- The prices of YES and NO, each in 0..1 and together 1. Nothing where b is not
-- positive or an argument is not a finite number.
function lmsr.price(yes, no, b)
  if not (finite(yes) and finite(no) and finite(b) and b > 0) then return nil end
  -- Halved first: the difference of two huge numbers may overflow, that of halves cannot.
  local lead = (yes / 2 - no / 2) / b * 2
  return logistic(lead), logistic(-lead)
end

return lmsr

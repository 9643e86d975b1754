-- Columns as an event wants them, whatever number type the database chose.
-- PostgreSQL's small types arrive as numbers, its exact ones (int8, numeric) as strings.

local type, tonumber = type, tonumber

local column = {}

-- Plain digits for a whole number, else the shortest text that reads back as the same number.
local function digits(number)
  if number % 1 == 0 then return string.format("%.0f", number) end
  for precision = 15, 17 do
    local text = string.format("%." .. precision .. "g", number)
    if tonumber(text) == number then return text end
  end
end

-- The column as a finite number, nil where it holds none.
function column.number(row, name)
  local number = tonumber(row[name])
  if number and number - number == 0 then return number end
end

-- The column with numbers as text; anything else as it is.
function column.text(row, name)
  local value = row[name]
  if type(value) == "number" then return digits(value) end
  return value
end

-- The column an event cannot do without, as text. The error points at the calling script.
function column.key(row, name)
  local value = row and column.text(row, name)
  if value == nil or value == "" then
    error("column " .. name .. " is missing, NULL or empty", 2)
  end
  return value
end

return column

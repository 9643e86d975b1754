-- What the fields of a message may be. A field is described by its kind and bounds:
--
--   { "string", max = 200, required = true }     bytes, `min` (1) to `max`, no control characters
--   { "integer", min = 1, max = 5 }              or "number"
--   { "boolean" }
--   { "list", of = { "string", max = 40 }, min = 1, max = 10 }
--
-- `says` completes "<field> must be …" where the usual words do not do, `test` is a function that
-- has to be true of the value, too. JSON's null means the same as leaving a field out; fields that
-- are not described are nobody's business.

local schema = {}

local function within(field, size, least)
  return size >= (field.min or least) and size <= (field.max or math.huge)
end

local function bounds(field, least, unit)
  local min, max = field.min or least, field.max
  if min and max then return (" of %s to %s%s"):format(min, max, unit) end
  if max then return (" of at most %s%s"):format(max, unit) end
  return field.min and (" of at least %s%s"):format(min, unit) or ""
end

local fits

-- Arrays and objects are both tables once decoded; an empty one may have been either.
local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local kinds = {
  boolean = {
    fits = function(value) return type(value) == "boolean" end,
    says = function() return "true or false" end,
  },
  string = {
    fits = function(value, field)
      return type(value) == "string" and within(field, #value, 1) and not value:find "%c"
    end,
    says = function(field) return "a string" .. bounds(field, 1, " bytes") end,
  },
  number = {
    fits = function(value, field)
      return type(value) == "number" and within(field, value, -math.huge)
    end,
    says = function(field) return "a number" .. bounds(field, nil, "") end,
  },
  integer = {
    fits = function(value, field)
      return type(value) == "number" and value % 1 == 0 and within(field, value, -math.huge)
    end,
    says = function(field) return "a whole number" .. bounds(field, nil, "") end,
  },
  list = {
    fits = function(value, field)
      if not is_list(value) or not within(field, #value, 0) then return false end
      for _, item in ipairs(value) do
        if not fits(item, field.of) then return false end
      end
      return true
    end,
    says = function(field) return "an array" .. bounds(field, 0, " values") end,
  },
}

function fits(value, field)
  return kinds[field[1]].fits(value, field) and (not field.test or field.test(value))
end

-- What stands in a message, or nil where that is JSON's null.
function schema.given(value)
  if value ~= cjson.null then return value end
end

-- The fields of a message, or nil with an error code and a sentence for the client.
function schema.read(message, fields)
  local read = {}
  for name, field in pairs(fields) do
    local value = schema.given(message[name])
    if field.required and (value == nil or value == "") then
      return nil, name .. "_required", name .. " required for " .. message.action .. " action"
    end
    if value ~= nil and not fits(value, field) then
      local says = field.says or kinds[field[1]].says(field)
      return nil, "invalid_option", name .. " must be " .. says
    end
    read[name] = value
  end
  return read
end

return schema

-- How topics are written: "city:lisbon", "site:alfama", "bay:alfama/7", "car:AB-12-CD".

local topics = {}

function topics.city(city) return "city:" .. city end

function topics.site(site) return "site:" .. site end

function topics.bay(site, number) return "bay:" .. site .. "/" .. number end

function topics.car(plate) return "car:" .. plate end

-- The words of a topic of that kind: one, or for a bay its site and number. Nothing of another
-- kind.
function topics.read(kind, topic)
  local rest = topic:match("^" .. kind .. ":(.+)$")
  if rest and kind == "bay" then return rest:match("^(.+)/(%d+)$") end
  return rest
end

return topics

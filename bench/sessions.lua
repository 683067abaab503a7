-- Each request comes from another of COUNT sessions: `wrk -s sessions.lua URL -- FIRST COUNT COOKIE_NAME one-by-one|random`.
-- "one-by-one" starts at FIRST and goes round; the ids are those that stored.py wrote.
local first, count, name, order, at

function init(arguments)
  first, count, name, order, at = tonumber(arguments[1]), tonumber(arguments[2]), arguments[3], arguments[4], -1
end

function request()
  if order == "random" then at = math.random(0, count - 1) else at = (at + 1) % count end
  wrk.headers["Cookie"] = string.format("a=1; %s=bench-session-%029d; b=2", name, (first + at) % count)
  return wrk.format()
end

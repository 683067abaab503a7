-- Each request exchanges one of COUNT session tokens for one integration's token:
-- `wrk -s exchanges.lua URL -- FILE FIRST COUNT one-by-one|random GUID…`; "one-by-one" goes through all pairs from FIRST on.
local tokens, guids, first, count, order, at = {}, {}, 0, 0, "", -1

function init(arguments)
  for token in io.lines(arguments[1]) do tokens[#tokens + 1] = token end
  first, count, order = tonumber(arguments[2]), tonumber(arguments[3]), arguments[4]
  for place = 5, #arguments do guids[#guids + 1] = arguments[place] end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

function request()
  local pairs_there = count * #guids
  if order == "random" then at = math.random(0, pairs_there - 1) else at = (at + 1) % pairs_there end
  local pair = (first + at) % pairs_there
  return wrk.format(nil, nil, nil,
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
    .. "&subject_token_type=urn%3Aposit%3Aconnect%3Auser-session-token&subject_token="
    .. tokens[math.floor(pair / #guids) + 1] .. "&audience=" .. guids[pair % #guids + 1])
end

-- Nine GETs to one PUT of a 64-byte value, over 1000 keys.
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
local body = "value=" .. string.rep("v", 64)
local n = 0
request = function()
  n = n + 1
  local path = "/v2/keys/bench/key" .. (n * 7 % 1000)
  if n % 10 == 0 then return wrk.format("PUT", path, headers, body) end
  return wrk.format("GET", path)
end

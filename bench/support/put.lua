-- PUTs 64-byte values over 1000 keys.
wrk.method = "PUT"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "value=" .. string.rep("v", 64)
local n = 0
request = function()
  n = (n + 1) % 1000
  return wrk.format(nil, "/v2/keys/bench/key" .. n)
end

-- Tells redis_rate what was used of the limits KEYS: that all of the first will be there again in ARGV[1] seconds at
-- least, and ARGV[2] seconds later than that for what it did not hear of, and so on, two for each. Returns in how many
-- seconds it will be for each. redis_rate keeps that time in seconds since 2017.
local now = redis.call("TIME")
now = (now[1] - 1483228800) + (now[2] / 1000000)

local left = {}
for i, key in ipairs(KEYS) do
  local full = tonumber(redis.call("GET", key) or now)
  full = math.max(full, now + tonumber(ARGV[2 * i - 1])) + tonumber(ARGV[2 * i])
  full = math.min(full, now + 60)
  if full > now then
    redis.call("SET", key, full, "EX", math.ceil(full - now))
  end
  left[i] = tostring(full - now)
end
return left

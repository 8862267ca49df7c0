-- Tells redis_rate what was used of a name's limit: that all of it will be there again in ARGV[1] seconds at least, and
-- ARGV[2] seconds later than that for what it did not hear of. It keeps that time in seconds since 2017.
local now = redis.call("TIME")
now = (now[1] - 1483228800) + (now[2] / 1000000)

local full = tonumber(redis.call("GET", KEYS[1]) or now)
full = math.max(full, now + tonumber(ARGV[1])) + tonumber(ARGV[2])
full = math.min(full, now + 60)

if full > now then
  redis.call("SET", KEYS[1], full, "EX", math.ceil(full - now))
end
return 1

-- Notes that the process ARGV[1] is alive, forgets those not seen for ARGV[2] seconds, and returns how many there are.
-- It goes by the clock of Redis, since those of the processes may differ.
local now = tonumber(redis.call("TIME")[1])
redis.call("ZADD", KEYS[1], now, ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - tonumber(ARGV[2]) - 1)
redis.call("EXPIRE", KEYS[1], 60)
return redis.call("ZCARD", KEYS[1])

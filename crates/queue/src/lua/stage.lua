-- Puts messages aside for a commit that publishes them all at once. What is
-- never committed goes away by itself.
--
-- KEYS  1 staged messages
-- ARGV  1 life without a commit, ms   then the messages
--
-- Reply  number of messages staged so far

local count = redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count

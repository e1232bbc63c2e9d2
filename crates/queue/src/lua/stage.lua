-- Stages messages for a commit that publishes them all at once. Messages that are
-- never committed expire.
--
-- KEYS  1 staged messages
-- ARGV  1 time until they expire, ms   then the messages
--
-- Reply  number of messages staged so far

local count = redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count

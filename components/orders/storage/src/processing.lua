-- Reads how far the processing of a version of an order is.
--
-- KEYS  1 what came of processing its versions   2 its line
-- ARGV  1 field of the version   2 field of the latest failure
--
-- Reply  both fields, and the head of the line; each nil where there is none

local reply = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])
reply[3] = redis.call('LINDEX', KEYS[2], 0)
return reply

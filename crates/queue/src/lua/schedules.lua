-- Reads the states of a hash tag's schedules.
--
-- KEYS  1 states of the schedules of the hash tag
--
-- Reply  time until their timer goes off, ms, negative if it is not set;
--        then for each schedule its name and its state

return { redis.call('PTTL', KEYS[1] .. ':alarm'), redis.call('HGETALL', KEYS[1]) }

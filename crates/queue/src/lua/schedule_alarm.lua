-- Sets the timer of a hash tag's schedules, unless it goes off sooner anyway.
--
-- KEYS  1 states of the schedules of the hash tag
-- ARGV  1 time until it goes off, ms

arm(KEYS[1] .. ':', tonumber(ARGV[1]))
return {}

-- Ends the pause of a queue, for wake.lua after it, which wakes its workers. A call of
-- before holds back no other.
--
-- KEYS  1 to 4 those of wake.lua   5 paused   6 help

redis.call('DEL', KEYS[5], KEYS[2], KEYS[6])


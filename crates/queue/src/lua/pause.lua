-- Pauses a queue: workers claim nothing from now on.
--
-- KEYS  1 paused   2 bell
--
-- Reply  since when the queue is paused, ms since the Unix epoch

redis.call('SET', KEYS[1], now_ms(), 'NX')
redis.call('DEL', KEYS[2])
return { tonumber(redis.call('GET', KEYS[1])) }

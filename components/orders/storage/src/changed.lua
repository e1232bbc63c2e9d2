-- Completes an index by changes with the orders that only the index by creation has: an
-- earlier version of the application changed them last. Their score is 0.
--
-- KEYS  1 index by creation   2 index by changes   3 the time before which those with
--       score 0 were changed, ms
-- ARGV  1 now, ms
--
-- Reply  that time; 0 if there are none

if redis.call('ZCARD', KEYS[1]) > redis.call('ZCARD', KEYS[2]) then
  redis.call('ZUNIONSTORE', KEYS[2], 2, KEYS[1], KEYS[2], 'WEIGHTS', 0, 1, 'AGGREGATE', 'MAX')
  redis.call('SET', KEYS[3], ARGV[1])
end
return { tonumber(redis.call('GET', KEYS[3]) or '0') }

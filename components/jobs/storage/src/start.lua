-- Remembers that a worker has begun with a job, if none has before.
--
-- KEYS  1 job
-- ARGV  1 which job of that id   2 now, ms since the Unix epoch
--
-- Reply  1; 0 where there is no such job any more

if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return { 0 } end
redis.call('HSETNX', KEYS[1], 'started', ARGV[2])
return { 1 }

-- Records that a worker has begun with a job, if none had.
--
-- KEYS  1 job
-- ARGV  1 run of the job   2 now, ms since the Unix epoch
--
-- Reply  1; 0 if that job no longer exists

if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return { 0 } end
redis.call('HSETNX', KEYS[1], 'started', ARGV[2])
return { 1 }

-- Tells whether work on a job is wanted, and may record that a worker has begun with it.
--
-- KEYS  1 job
-- ARGV  1 run of the job   2 now, ms since the Unix epoch; '' to record nothing
--
-- Reply  1; 0 if that job no longer exists; 2 if it was canceled

if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return { 0 } end
if redis.call('HEXISTS', KEYS[1], 'canceled') == 1 then return { 2 } end
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[1], 'started', ARGV[2]) end
return { 1 }

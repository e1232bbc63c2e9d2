//! Stored jobs, without their results.

use std::collections::HashMap;
use std::time::Duration;

use base::{Caller, Failure, Trace};
use jobs_domain::{Completed, Job, JobId, effects, keys};
use queue::{Effect, Queue, Script};
use stores::{Arg, Redis, Value};

static START: Script = Script::new(&[queue::lua!("start.lua")]);

/// The time that a job is kept after its last change, by the variable `job_retention_days`;
/// `None` is for ever.
///
/// # Errors
/// The variable is missing or no number.
pub fn retention() -> Result<Option<Duration>, Failure> {
    let days: u32 = base::number("job_retention_days", 0)?;
    Ok((days > 0).then(|| Duration::from_secs(24 * 60 * 60) * days))
}

/// A job; `None` if there is none. The cost does not depend on the job's size.
///
/// # Errors
/// Redis is out of reach, or holds a job that cannot be read.
pub fn load(redis: &impl Redis, id: &JobId) -> Result<Option<Job>, Failure> {
    let key = keys::job(id);
    let mut args = vec![Arg::from(&key)];
    args.extend(Job::FIELDS.map(Arg::from));
    read(redis, id, &redis.call("HMGET", &args)?)
}

/// The job whose id is `id`, if the caller may use it. A text that is no id is that of no
/// job.
///
/// # Errors
/// Those of [`load`].
pub fn load_for(redis: &impl Redis, id: &str, caller: Caller<'_>) -> Result<Option<Job>, Failure> {
    let Ok(id) = id.parse() else {
        return Ok(None);
    };
    Ok(load(redis, &id)?.filter(|job| caller.may_use(&job.owner)))
}

/// A job from the values of [`Job::FIELDS`]; `None` if there is none.
pub(crate) fn read(
    redis: &impl Redis,
    id: &JobId,
    stored: &[Value],
) -> Result<Option<Job>, Failure> {
    let unreadable = || Failure::internal(format!("the stored job {id} cannot be read"));
    let fields = Job::FIELDS.into_iter().zip(stored);
    let fields: HashMap<_, _> = fields
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let mut job = Job::read(id, &fields).ok_or_else(unreadable)?;
    if job.must_be_counted(base::now_millis()) {
        let count = |command: &str, key: String| {
            let reply = redis.call(command, &[Arg::from(&key)])?;
            let count = reply.first().and_then(Value::as_int);
            count
                .and_then(|count| count.try_into().ok())
                .ok_or_else(unreadable)
        };
        job.progress.processed = count("HLEN", keys::results(id))?;
        job.progress.failed = count("BITCOUNT", keys::failed(id))?;
    }
    Ok(Some(job))
}

/// Wakes the workers of a job that is unfinished and has not changed for long. `now` is
/// in milliseconds since the Unix epoch.
///
/// # Errors
/// Redis is out of reach, or takes no writes.
pub fn wake_if_idle(redis: &impl Redis, job: &Job, now: u64) -> Result<(), Failure> {
    if job.progress.status().is_final() {
        return Ok(());
    }
    let idle = Duration::from_millis(now.saturating_sub(job.updated));
    Queue::new(redis, keys::QUEUE).wake_if_idle(idle)
}

/// Whether work on a job is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Yes,
    /// The job was canceled.
    Canceled,
    /// The job has expired.
    Gone,
}

/// Tells whether work on a job is wanted. If it is, and with a time `now` in milliseconds
/// since the Unix epoch, records that a worker has begun with it, if none had. `run` is the
/// job's run.
///
/// # Errors
/// Those of Redis.
pub fn start(
    redis: &impl Redis,
    id: &JobId,
    run: &str,
    now: Option<u64>,
) -> Result<Wanted, Failure> {
    let now = now.map_or(String::new(), |now| now.to_string());
    let reply = START.run(redis, &[&keys::job(id)], &[Arg::from(run), Arg::from(&now)])?;
    Ok(match reply.first().and_then(Value::as_int) {
        Some(1) => Wanted::Yes,
        Some(2) => Wanted::Canceled,
        _ => Wanted::Gone,
    })
}

/// The effect that tells of a job's end; `None` where it has gone on since, or has expired.
///
/// # Errors
/// Those of [`load`].
pub fn completed(
    redis: &impl Redis,
    completed: &Completed<'_>,
    trace: &Trace,
) -> Result<Option<Effect>, Failure> {
    match load(redis, &completed.job)?.filter(|job| job.run == *completed.run) {
        Some(job) => effects::completed(&job, trace),
        None => Ok(None),
    }
}

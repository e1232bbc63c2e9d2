//! Stored jobs, without their results.

use std::time::Duration;

use base::rfc3339;
use jobs_domain::{JobId, JobView, Progress, Times, keys};
use queue::{Queue, Script};
use stores::{Arg, Redis, Value};

static START: Script = Script::new(include_str!("start.lua"));

/// The fields of a job's hash that are read here.
pub(crate) const FIELDS: [&str; 13] = [
    "owner",
    TOTAL,
    "fingerprint",
    "submitted",
    "started",
    "updated",
    PROCESSED,
    FAILED,
    RUN,
    NOT_BEFORE,
    SCHEDULED,
    CANCELED,
    RETRIED,
];

/// The field with the run of a job.
pub(crate) const RUN: &str = "run";

/// The field with the time before which a job does not begin, and the one that is there as
/// long as it waits for it.
pub(crate) const NOT_BEFORE: &str = "not_before";
pub(crate) const SCHEDULED: &str = "scheduled";

/// The field with the number of toons of the last retry.
pub(crate) const RETRIED: &str = "retried";

/// The field with the number of toons.
pub(crate) const TOTAL: &str = "total";

/// The field with the time at which a job was canceled.
pub(crate) const CANCELED: &str = "canceled";

/// The field that is there once all toons are finished, until some are retried.
pub(crate) const COMPLETED: &str = "completed";

/// The fields with a job's counts: finished toons, and those of them that failed for
/// good.
pub(crate) const PROCESSED: &str = "processed";
pub(crate) const FAILED: &str = "failed";

/// Milliseconds without a change after which the counts are computed anew, in case a
/// worker died before it stored them.
const UNCOUNTED: u64 = 15_000;

/// A job without its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The subject of the user who submitted it.
    pub owner: String,
    /// The fingerprint of its content (`Submission::fingerprint`).
    pub fingerprint: String,
    /// The counts.
    pub progress: Progress,
    /// The times.
    pub times: Times,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated: u64,
    /// When it was submitted, in milliseconds since the Unix epoch.
    pub(crate) submitted: u64,
    /// Its run: another job of this id has another one.
    pub(crate) run: String,
    /// The number of toons of the last retry; 0 without one.
    pub(crate) retried: u64,
}

impl Job {
    /// The answer about the job.
    pub fn view(&self) -> JobView {
        JobView::new(self.id.clone(), &self.progress, self.times.clone())
    }
}

/// A job; `None` if there is none. The cost does not depend on the job's size.
pub fn load(redis: &impl Redis, id: &JobId) -> Result<Option<Job>, base::Failure> {
    let key = keys::job(id);
    let mut args = vec![Arg::from(&key)];
    args.extend(FIELDS.map(Arg::from));
    read(redis, id, redis.call("HMGET", &args)?)
}

/// A job from the values of its [`FIELDS`]; `None` if there is none.
pub(crate) fn read(
    redis: &impl Redis,
    id: &JobId,
    stored: Vec<Value>,
) -> Result<Option<Job>, base::Failure> {
    let unreadable = || base::Failure::internal(format!("the stored job {id} cannot be read"));
    let [
        owner,
        total,
        fingerprint,
        submitted,
        started,
        updated,
        processed,
        failed,
        run,
        not_before,
        scheduled,
        canceled,
        retried,
    ] = <[Value; FIELDS.len()]>::try_from(stored).map_err(|_| unreadable())?;
    if owner == Value::Nil {
        return Ok(None);
    }
    let number = |value: &Value| value.as_int()?.try_into().ok();
    let millis = |value: &Value| Some(value.as_int()?.unsigned_abs());
    let idle = base::now_millis().saturating_sub(millis(&updated).ok_or_else(unreadable)?);
    // Workers of earlier versions write no counts.
    let must_count = processed == Value::Nil || (processed != total && idle >= UNCOUNTED);
    let (processed, failed) = if must_count {
        let count = |command: &str, key: String| {
            let reply = redis.call(command, &[Arg::from(&key)])?;
            reply.into_iter().next().ok_or_else(unreadable)
        };
        (
            count("HLEN", keys::results(id))?,
            count("BITCOUNT", keys::failed(id))?,
        )
    } else {
        (processed, failed)
    };
    let read = || {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let time = |value: &Value| millis(value).map(rfc3339);
        let started_at = time(&started);
        let updated_at = time(&updated)?;
        let progress = Progress {
            total: number(&total)?,
            processed: number(&processed)?,
            failed: number(&failed)?,
            started: started_at.is_some(),
            is_scheduled: scheduled != Value::Nil,
            is_canceled: canceled != Value::Nil,
        };
        Some(Job {
            id: id.clone(),
            owner: text(&owner)?,
            fingerprint: text(&fingerprint)?,
            progress,
            updated: millis(&updated)?,
            submitted: millis(&submitted)?,
            run: text(&run)?,
            retried: millis(&retried).unwrap_or(0),
            times: Times {
                submitted_at: time(&submitted)?,
                not_before: time(&not_before),
                started_at,
                canceled_at: time(&canceled),
                finished_at: progress.status().is_final().then(|| updated_at.clone()),
                updated_at,
            },
        })
    };
    read().map(Some).ok_or_else(unreadable)
}

/// Wakes the workers of a job that is unfinished and has not changed for long. `now` is
/// in milliseconds since the Unix epoch.
pub fn wake_if_idle(redis: &impl Redis, job: &Job, now: u64) -> Result<(), base::Failure> {
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
) -> Result<Wanted, base::Failure> {
    let now = now.map_or(String::new(), |now| now.to_string());
    let reply = START.run(redis, &[&keys::job(id)], &[Arg::from(run), Arg::from(&now)])?;
    Ok(match reply.first().and_then(Value::as_int) {
        Some(1) => Wanted::Yes,
        Some(2) => Wanted::Canceled,
        _ => Wanted::Gone,
    })
}

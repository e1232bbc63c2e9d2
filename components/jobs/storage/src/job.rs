//! Stored jobs, without their results.

use std::time::Duration;

use base::rfc3339;
use jobs_domain::{JobId, JobView, Progress, Times, keys};
use queue::{Queue, Script};
use stores::{Arg, Redis, Value};

static START: Script = Script::new(include_str!("start.lua"));

/// The fields of a job's hash that are read here.
const FIELDS: [&str; 8] = [
    "owner",
    "total",
    "fingerprint",
    "submitted",
    "started",
    "updated",
    PROCESSED,
    FAILED,
];

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
    let stored = redis.call("HMGET", &args)?;
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
        };
        Some(Job {
            id: id.clone(),
            owner: text(&owner)?,
            fingerprint: text(&fingerprint)?,
            progress,
            updated: millis(&updated)?,
            times: Times {
                submitted_at: time(&submitted)?,
                started_at,
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

/// Records that a worker has begun with a job, if none had. `run` is the job's run, and
/// `now` is in milliseconds since the Unix epoch. Returns whether that job still exists.
pub fn start(redis: &impl Redis, id: &JobId, run: &str, now: u64) -> Result<bool, base::Failure> {
    let now = now.to_string();
    let reply = START.run(redis, &[&keys::job(id)], &[Arg::from(run), Arg::from(&now)])?;
    Ok(reply.first().and_then(Value::as_int) == Some(1))
}

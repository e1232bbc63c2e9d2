//! A job as it is stored, but for its results.

use std::time::Duration;

use base::rfc3339;
use jobs_domain::{JobId, JobView, Progress, Times, keys};
use queue::{Queue, Script};
use stores::{Arg, Redis, Value};

static START: Script = Script::new(include_str!("start.lua"));

/// The fields of a job's hash that are read.
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

/// The fields that count a job's toons: those that are finished, and those of
/// them that failed for good.
pub(crate) const PROCESSED: &str = "processed";
pub(crate) const FAILED: &str = "failed";

/// After how many milliseconds without a change it is looked whether a job has moved
/// and nobody has counted.
const UNCOUNTED: u64 = 15_000;

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The subject of whoever submitted it.
    pub owner: String,
    /// What it was submitted with (`Submission::fingerprint`).
    pub fingerprint: String,
    /// How far it is.
    pub progress: Progress,
    /// When things happened to it.
    pub times: Times,
    /// When it changed last, in milliseconds since the Unix epoch.
    pub updated: u64,
}

impl Job {
    /// The job as it is answered.
    pub fn view(&self) -> JobView {
        JobView::new(self.id.clone(), &self.progress, self.times.clone())
    }
}

/// A job, or `None` where there is none. What this costs does not grow with it.
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

/// Wakes the workers of a job that is not finished and had no progress for long.
/// `now` is in milliseconds since the Unix epoch.
pub fn wake_if_idle(redis: &impl Redis, job: &Job, now: u64) -> Result<(), base::Failure> {
    if job.progress.status().is_final() {
        return Ok(());
    }
    let idle = Duration::from_millis(now.saturating_sub(job.updated));
    Queue::new(redis, keys::QUEUE).wake_if_idle(idle)
}

/// Remembers that a worker has begun with a job, if none has before. `run` says
/// which job of that id, and `now` is in milliseconds since the Unix epoch.
/// Returns whether there still is that job.
pub fn start(redis: &impl Redis, id: &JobId, run: &str, now: u64) -> Result<bool, base::Failure> {
    let now = now.to_string();
    let reply = START.run(redis, &[&keys::job(id)], &[Arg::from(run), Arg::from(&now)])?;
    Ok(reply.first().and_then(Value::as_int) == Some(1))
}

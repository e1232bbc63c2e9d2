//! A job as it is stored, but for its results.

use jobs_domain::{JobId, JobView, Progress, Times, keys};
use queue::Script;
use stores::{Arg, Redis, RedisError, Value};
use web::rfc3339;

use crate::StorageError;

static JOB: Script = Script::new(concat!(include_str!("job.lua"), "return read_job()\n"));
static START: Script = Script::new(include_str!("start.lua"));

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
}

impl Job {
    /// The job as it is answered.
    pub fn view(&self) -> JobView {
        JobView::new(self.id.clone(), &self.progress, self.times.clone())
    }
}

/// A job, or `None` where there is none.
pub fn load(redis: &impl Redis, id: &JobId) -> Result<Option<Job>, StorageError> {
    let reply = JOB.run(redis, &names(id).each_ref().map(String::as_str), &[])?;
    read(id, &reply)
}

/// The keys of `read_job` in `job.lua`.
pub(crate) fn names(id: &JobId) -> [String; 3] {
    [keys::job(id), keys::results(id), keys::failed(id)]
}

/// The job of a reply that begins with what `read_job` gives.
pub(crate) fn read(id: &JobId, reply: &[Value]) -> Result<Option<Job>, StorageError> {
    if reply.is_empty() {
        return Ok(None);
    }
    let read = || {
        let text = |at: usize| reply.get(at).and_then(Value::as_str).map(str::to_owned);
        let count = |at: usize| reply.get(at)?.as_int()?.try_into().ok();
        let time = |at: usize| Some(rfc3339(reply.get(at)?.as_int()?.unsigned_abs()));
        let progress = Progress {
            total: count(1)?,
            processed: count(6)?,
            failed: count(7)?,
            started: time(4).is_some(),
        };
        let updated_at = time(5)?;
        Some(Job {
            id: id.clone(),
            owner: text(0)?,
            fingerprint: text(2)?,
            progress,
            times: Times {
                submitted_at: time(3)?,
                started_at: time(4),
                finished_at: progress.status().is_final().then(|| updated_at.clone()),
                updated_at,
            },
        })
    };
    let job = read().ok_or_else(|| StorageError::Unreadable(id.to_string()))?;
    Ok(Some(job))
}

/// Remembers that a worker has begun with a job, if none has before. `run` says
/// which job of that id, and `now` is in milliseconds since the Unix epoch.
/// Returns whether there still is that job.
pub fn start(redis: &impl Redis, id: &JobId, run: &str, now: u64) -> Result<bool, RedisError> {
    let now = now.to_string();
    let reply = START.run(redis, &[&keys::job(id)], &[Arg::from(run), Arg::from(&now)])?;
    Ok(reply.first().and_then(Value::as_int) == Some(1))
}

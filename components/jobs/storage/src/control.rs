//! Cancellation of jobs, and another try at the failed toons of those that have ended.

use std::time::Duration;

use base::Failure;
use jobs_domain::{Begin, Job, JobId, Status, effects, keys};
use queue::{Change, Message, Outcome, Queue, Script};
use stores::{Arg, Redis, Value};

use crate::job;

static CANCEL: Script = Script::new(include_str!("cancel.lua"));

/// The outcome of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    /// The job is canceled, by this call or by an earlier one.
    Done,
    /// It had ended.
    Ended,
    /// It has expired.
    Gone,
}

/// Cancels a job: no worker begins with its toons from now on, and those in work are
/// finished. `retention` is the time that the job is kept, `None` for ever.
///
/// # Errors
/// Redis is out of reach. The job may be canceled: call it again.
pub fn cancel(
    queue: &Queue<'_, impl Redis>,
    job: &Job,
    retention: Option<Duration>,
) -> Result<Canceled, Failure> {
    let id = &job.id;
    let keys = [
        keys::job(id),
        keys::results(id),
        keys::toons(id),
        keys::register(id),
        keys::failed(id),
        keys::letters(id),
    ];
    let now = base::now_millis().to_string();
    let expiry = retention.map_or(String::new(), |time| time.as_millis().to_string());
    let args = [Arg::from(&job.run), Arg::from(&now), Arg::from(&expiry)];
    let reply = CANCEL.run(queue.redis(), &keys.each_ref().map(|key| &**key), &args)?;
    match reply.first().and_then(Value::as_str) {
        Some("canceled") => {}
        Some("ended") => return Ok(Canceled::Ended),
        _ => return Ok(Canceled::Gone),
    }
    if job.not_before.is_some() {
        // Where it stays, the worker that gets it finds the job canceled.
        let begin = Begin::new(id, &job.run);
        queue.unschedule(&begin.id(), &begin.encode_untraced()?)?;
    }
    Ok(Canceled::Done)
}

/// The outcome of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// The failed toons are processed again. The job as it is now.
    Begun(Box<Job>),
    /// The job has not ended, or another retry came first.
    Runs,
    /// The job was canceled.
    Canceled,
    /// No toon failed.
    NothingFailed,
    /// The messages of the failed toons are gone.
    MessagesGone,
    /// The job has expired.
    Gone,
}

/// Sends the dead letters of a job's failed toons back to the queue, once for several calls
/// at the same time. `retention` is the time that the job is kept, `None` for ever.
///
/// # Errors
/// Redis is out of reach. The retry may have begun.
pub fn retry(
    queue: &Queue<'_, impl Redis>,
    id: &JobId,
    retention: Option<Duration>,
) -> Result<Retried, Failure> {
    let redis = queue.redis();
    // The version is read first: a job that changes between the two reads is refused.
    let register = keys::register(id);
    let version = redis.call("GET", &[Arg::from(&register)])?;
    let version = version.first().and_then(Value::as_int).unwrap_or(0);
    let Some(job) = job::load(redis, id)? else {
        return Ok(Retried::Gone);
    };
    match job.progress.status() {
        Status::CompletedWithErrors => {}
        Status::Completed => return Ok(Retried::NothingFailed),
        Status::Canceled => return Ok(Retried::Canceled),
        Status::Scheduled | Status::Pending | Status::Processing => return Ok(Retried::Runs),
    }
    let change = Change::new()
        .of_entity(register, version.unsigned_abs())
        .with_all(effects::retried(id, base::now_millis(), retention));
    if queue.commit(&change)? != Outcome::Committed {
        return Ok(Retried::Runs);
    }
    Ok(match job::load(redis, id)? {
        None => Retried::Gone,
        Some(job) if job.retried == 0 => Retried::MessagesGone,
        Some(job) => Retried::Begun(Box::new(job)),
    })
}

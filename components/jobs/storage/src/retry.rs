//! Another try at the failed toons of a job that has ended.

use std::time::Duration;

use base::Failure;
use jobs_domain::{JobId, Status, keys};
use queue::{Change, Effect, Noted, Outcome, Queue};
use stores::{Arg, Redis, Value};

use crate::job::{COMPLETED, RETRIED};
use crate::{Job, conclude, job};

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
    let failed = Noted {
        letters: keys::letters(id),
        outcomes: keys::results(id),
        failed: keys::failed(id),
        count: (keys::job(id), RETRIED.to_owned()),
    };
    let change = Change::new()
        .of_entity(register, version.unsigned_abs())
        .with(queue.names().redrive(failed))
        .with(Effect::Unset {
            key: keys::job(id),
            field: COMPLETED.to_owned(),
        })
        .with_all(conclude::tally(id))
        .with_all(conclude::keep(id, base::now_millis(), retention));
    if queue.commit(&change)? != Outcome::Committed {
        return Ok(Retried::Runs);
    }
    Ok(match job::load(redis, id)? {
        None => Retried::Gone,
        Some(job) if job.retried == 0 => Retried::MessagesGone,
        Some(job) => Retried::Begun(Box::new(job)),
    })
}

//! Cancellation of jobs, and another try at the failed toons of those that have ended.

use std::time::Duration;

use base::{Failure, NotChanged};
use jobs_domain::{Begin, Job, JobId, UNKNOWN, effects, keys, runs};
use queue::{Change, Message, Outcome, Queue, Script};
use stores::{Arg, Redis, Value};

use crate::job;

static CANCEL: Script = Script::new(&[queue::lua!("cancel.lua")]);

/// Cancels a job: no worker begins with its toons from now on, and those in work are
/// finished. `retention` is the time that the job is kept, `None` for ever. Returns the job as
/// it is then, also if it was canceled before.
///
/// # Errors
/// It had ended or has expired. Or Redis is out of reach, and the job may be canceled: call it
/// again.
pub fn cancel(
    queue: &Queue<'_, impl Redis>,
    job: &Job,
    retention: Option<Duration>,
) -> Result<Job, NotChanged> {
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
    let has_ended = match reply.first().and_then(Value::as_str) {
        Some("canceled") => false,
        Some("ended") => true,
        _ => return Err(UNKNOWN.into()),
    };
    if !has_ended && job.not_before.is_some() {
        // Where it stays, the worker that gets it finds the job canceled.
        let begin = Begin::new(id, &job.run);
        queue.unschedule(&begin.id(), &begin.encode_untraced()?)?;
    }
    let job = job::load(queue.redis(), id)?.ok_or(UNKNOWN)?;
    match has_ended {
        true => Err(job.ended()),
        false => Ok(job),
    }
}

/// Sends the dead letters of a job's failed toons back to the queue, once for several calls
/// at the same time. `retention` is the time that the job is kept, `None` for ever.
///
/// Returns the job as it is then.
///
/// # Errors
/// The job has not ended, has no failed toons or has expired, or the messages of its failed
/// toons are gone. Or Redis is out of reach, and the retry may have begun.
pub fn retry(
    queue: &Queue<'_, impl Redis>,
    id: &JobId,
    retention: Option<Duration>,
) -> Result<Job, NotChanged> {
    let redis = queue.redis();
    // The version is read first: a job that changes between the two reads is refused.
    let register = keys::register(id);
    let version = redis.call("GET", &[Arg::from(&register)]);
    let version = version.map_err(Failure::from)?;
    let version = version.first().and_then(Value::as_int).unwrap_or(0);
    job::load(redis, id)?.ok_or(UNKNOWN)?.check_retry()?;
    let change = Change::new()
        .of_entity(register, version.unsigned_abs())
        .with_all(effects::retried(id, base::now_millis(), retention));
    if queue.commit(&change)? != Outcome::Committed {
        return Err(runs());
    }
    let job = job::load(redis, id)?.ok_or(UNKNOWN)?;
    job.check_retried()?;
    Ok(job)
}

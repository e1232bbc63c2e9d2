//! Cancellation of jobs.

use std::time::Duration;

use base::Failure;
use jobs_domain::{Begin, keys};
use queue::{Message, Queue, Script};
use stores::{Arg, Redis, Value};

use crate::Job;

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
    if job.times.not_before.is_some() {
        // Where it stays, the worker that gets it finds the job canceled.
        let begin = Begin::new(id, &job.run);
        queue.unschedule(&begin.id(), &begin.encode_untraced()?)?;
    }
    Ok(Canceled::Done)
}

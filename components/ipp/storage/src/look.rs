//! Looks at runs: at most one in a few seconds for a job, however many clients poll.

use base::Failure;
use ipp_domain::{JobId, keys};
use stores::{Arg, Redis, Value};

/// The time in ms for which a look counts as fresh.
const FRESH_MS: i64 = 5_000;

/// Whether Databricks may be asked about a job for a client: the last look was more than 5
/// s ago. Of several callers at once, only one may.
///
/// # Errors
/// Redis is out of reach.
pub fn may_look(redis: &impl Redis, id: &JobId) -> Result<bool, Failure> {
    let reply = note(redis, id, &[Arg::from("NX")])?;
    Ok(!matches!(reply.first(), None | Some(Value::Nil)))
}

/// Notes that Databricks is being asked about a job.
///
/// # Errors
/// Redis is out of reach.
pub fn note_look(redis: &impl Redis, id: &JobId) -> Result<(), Failure> {
    note(redis, id, &[]).map(|_| ())
}

/// Sets the note of a look, under more conditions of `SET`.
fn note(redis: &impl Redis, id: &JobId, conditions: &[Arg<'_>]) -> Result<Vec<Value>, Failure> {
    let key = keys::looked(id);
    let mut args = vec![
        Arg::from(&key),
        Arg::from(""),
        Arg::from("PX"),
        Arg::Int(FRESH_MS),
    ];
    args.extend_from_slice(conditions);
    Ok(redis.call("SET", &args)?)
}

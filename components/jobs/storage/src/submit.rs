//! Submission of jobs.

use std::time::Duration;

use base::{Failure, NotChanged, Trace};
use jobs_domain::{Batch, Begin, JobId, Message, Request, effects, keys};
use queue::{Change, Message as _, Outcome, Queue};
use stores::{Arg, Redis, Value};
use uuid::Uuid;

use crate::job;

/// The maximum number of toons, and about the bytes, of a job whose toons go into messages of
/// their own.
const SMALL_TOONS: usize = 200;
const SMALL_BYTES: usize = 256 * 1024;

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Accepts a job, whole or not at all. The same submission again, recognized by its id or
/// by its idempotency key, changes nothing.
///
/// `now` is in milliseconds since the Unix epoch; `retention` is the time that the job is
/// kept after its last change, `None` for ever.
///
/// # Errors
/// There is another job of this id, or the idempotency key was used for another one. Or Redis
/// is out of reach, and the job may have been accepted: submit it again.
pub fn submit(
    queue: &Queue<'_, impl Redis>,
    request: Request<'_>,
    retention: Option<Duration>,
    now: u64,
    trace: &Trace,
) -> Result<JobId, NotChanged> {
    let Request {
        owner, submission, ..
    } = request;
    // A large job that is there already is not sent to Redis again.
    let is_large = submission.toons.len() > SMALL_TOONS || submission.bytes() > SMALL_BYTES;
    if is_large && let Some(known) = find(queue.redis(), &request)? {
        return Ok(known);
    }

    let id = submission.job_id.clone().unwrap_or_else(JobId::random);
    let run = Uuid::new_v4().simple().to_string();
    let toons = (0..).zip(&submission.toons);
    let toons: Vec<_> = toons
        .map(|(index, toon)| Message::new(&id, &run, index, toon))
        .collect();
    // Many toons share messages; the few of a small job are spread over the workers.
    let messages = Batch::all(&toons, if is_large { Batch::MAX_TOONS } else { 1 }, trace)?;
    let mut change = Change::new()
        .of_entity(keys::register(&id), 0)
        .with_all(effects::submitted(
            submission,
            owner,
            (&id, &run),
            now,
            retention,
        ));
    if submission.not_before.is_some() {
        let begin = Begin::new(&id, &run);
        let (message, wait) = (begin.encode_untraced()?, submission.wait(now));
        change = change.keeping_staged(queue.stage(&run, messages)?, keys::toons(&id));
        change = match wait.is_zero() {
            true => change.publishing(message),
            false => change.with(queue.names().schedule(&begin.id(), &message, wait)),
        };
    } else if is_large {
        change = change.publishing_staged(queue.stage(&run, messages)?);
    } else {
        change = messages.into_iter().fold(change, Change::publishing);
    }
    if let Some(key) = request.remembered_as() {
        change = change.once(key, request.remembered(&id), REMEMBERED);
    }
    match queue.commit(&change)? {
        Outcome::Committed => Ok(id),
        Outcome::Duplicate { value } => request.repeats(&value),
        Outcome::Conflict { .. } | Outcome::AlreadySettled => {
            request.is_made(job::load(queue.redis(), &id)?)
        }
    }
}

/// The earlier submission of the same job, if any.
fn find(redis: &impl Redis, request: &Request<'_>) -> Result<Option<JobId>, NotChanged> {
    if let Some(key) = request.remembered_as() {
        let known = redis
            .call("GET", &[Arg::from(&key)])
            .map_err(Failure::from)?;
        if let Some(Value::Bytes(value)) = known.first() {
            return request.repeats(value).map(Some);
        }
    }
    let Some(id) = &request.submission.job_id else {
        return Ok(None);
    };
    let job = job::load(redis, id)?;
    job.map(|job| request.is_made(Some(job))).transpose()
}

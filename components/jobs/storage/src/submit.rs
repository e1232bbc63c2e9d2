//! Submission of jobs.

use std::time::Duration;

use base::{Failure, Trace};
use jobs_domain::{Batch, Begin, Job, JobId, Message, Submission, effects, keys};
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

/// The outcome of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The job was accepted, by this call or by an earlier one with the same content.
    Accepted(JobId),
    /// The id belongs to a job of other content or of another user.
    Taken,
    /// The `Idempotency-Key` was used for another submission.
    KeyReused,
}

/// A submission of the user `owner`.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The subject of the user.
    pub owner: &'a str,
    /// The job.
    pub submission: &'a Submission<'a>,
    /// The `Idempotency-Key`, if one was sent.
    pub idempotency_key: Option<&'a str>,
}

/// Accepts a job, whole or not at all. The same submission again, recognized by its id or
/// by its idempotency key, changes nothing.
///
/// `now` is in milliseconds since the Unix epoch; `retention` is the time that the job is
/// kept after its last change, `None` for ever.
///
/// # Errors
/// Redis is out of reach. The job may have been accepted: submit it again.
pub fn submit(
    queue: &Queue<'_, impl Redis>,
    request: Request<'_>,
    retention: Option<Duration>,
    now: u64,
    trace: &Trace,
) -> Result<Submitted, Failure> {
    let Request {
        owner, submission, ..
    } = request;
    // A large job that is there already is not sent to Redis again.
    let is_large = submission.toons.len() > SMALL_TOONS || submission.bytes() > SMALL_BYTES;
    if is_large && let Some(known) = request.find(queue.redis())? {
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
    if let Some(key) = request.remembered() {
        let value = format!("{id} {}", submission.fingerprint());
        change = change.once(key, value, REMEMBERED);
    }
    match queue.commit(&change)? {
        Outcome::Committed => Ok(Submitted::Accepted(id)),
        Outcome::Duplicate { value } => Ok(request.judge_remembered(&value)),
        Outcome::Conflict { .. } | Outcome::AlreadySettled => {
            Ok(request.judge(job::load(queue.redis(), &id)?))
        }
    }
}

impl Request<'_> {
    /// The key under which the job is remembered.
    fn remembered(&self) -> Option<String> {
        let key = self.idempotency_key?;
        Some(keys::idempotency(self.owner, key))
    }

    /// The earlier submission of the same job, if any.
    fn find(&self, redis: &impl Redis) -> Result<Option<Submitted>, Failure> {
        if let Some(key) = self.remembered() {
            let known = redis.call("GET", &[Arg::from(&key)])?.into_iter().next();
            if let Some(Value::Bytes(value)) = known {
                return Ok(Some(self.judge_remembered(&value)));
            }
        }
        let Some(id) = &self.submission.job_id else {
            return Ok(None);
        };
        let job = job::load(redis, id)?;
        Ok(job.map(|job| self.judge(Some(job))))
    }

    /// The outcome if this job is there already.
    fn judge(&self, job: Option<Job>) -> Submitted {
        match job.filter(|job| job.is_of(self.owner, self.submission)) {
            Some(job) => Submitted::Accepted(job.id),
            None => Submitted::Taken,
        }
    }

    /// The outcome if the idempotency key was used before.
    fn judge_remembered(&self, value: &[u8]) -> Submitted {
        let same = || {
            let (id, fingerprint) = std::str::from_utf8(value).ok()?.split_once(' ')?;
            let id: JobId = id.parse().ok()?;
            let is_same = fingerprint == self.submission.fingerprint()
                && self.submission.job_id.as_ref().is_none_or(|own| *own == id);
            is_same.then_some(id)
        };
        same().map_or(Submitted::KeyReused, Submitted::Accepted)
    }
}

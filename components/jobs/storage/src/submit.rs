//! Submission of jobs.

use std::time::Duration;

use base::Trace;
use jobs_domain::{Batch, Begin, JobId, Message, Submission, keys};
use queue::{Change, Effect, Message as _, Outcome, Queue};
use stores::{Arg, Redis, Value};
use uuid::Uuid;

use crate::{conclude, job};

/// The maximum number of toons of a job that is published without staging it in chunks.
const INLINE_TOONS: usize = 200;
const INLINE_BYTES: usize = 256 * 1024;

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

/// Accepts a job, whole or not at all. The same submission again, recognized by its id or
/// by `idempotency_key`, changes nothing.
///
/// `now` is in milliseconds since the Unix epoch; `retention` is the time that the job is
/// kept after its last change, `None` for ever.
pub fn submit(
    queue: &Queue<'_, impl Redis>,
    owner: &str,
    submission: &Submission<'_>,
    idempotency_key: Option<&str>,
    retention: Option<Duration>,
    now: u64,
    trace: &Trace,
) -> Result<Submitted, base::Failure> {
    let caller = Caller {
        owner,
        submission,
        remembered: idempotency_key.map(|key| keys::idempotency(owner, key)),
    };
    // A large job that is there already is not sent to Redis again.
    let is_large = submission.toons.len() > INLINE_TOONS || bytes(submission) > INLINE_BYTES;
    if is_large && let Some(known) = caller.find(queue.redis())? {
        return Ok(known);
    }

    let id = match &submission.job_id {
        Some(id) => id.clone(),
        None => new_id()?,
    };
    let run = Uuid::new_v4().simple().to_string();
    let time = submission.not_before.map_or(now, |time| time.millis());
    let wait = Duration::from_millis(time.saturating_sub(now));
    let index = |key: &str| {
        [
            Effect::Sweep {
                key: key.to_owned(),
                prefix: keys::JOB.to_owned(),
            },
            Effect::Index {
                key: key.to_owned(),
                member: id.to_string(),
                // Exact: the number has fewer than 53 bits.
                score: now as f64,
            },
        ]
    };
    let toons = (0..).zip(&submission.toons);
    let toons: Vec<_> = toons
        .map(|(index, toon)| Message::new(&id, &run, index, toon))
        .collect();
    let mut messages = Vec::new();
    // Many toons share messages; the few of a small job are spread over the workers.
    for batch in batches(&toons, if is_large { Batch::MAX_TOONS } else { 1 }) {
        messages.push(Batch::encoded(batch, trace)?);
    }
    let mut change = Change::new()
        .of_entity(keys::register(&id), 0)
        .with(Effect::Set {
            key: keys::job(&id),
            fields: caller.fields(&run, now),
        })
        // Removes what may remain of an expired job of the same id.
        .with_all(
            [
                keys::results(&id),
                keys::failed(&id),
                keys::letters(&id),
                keys::toons(&id),
            ]
            .map(|key| Effect::Remove { key }),
        )
        .with_all(index(keys::ALL))
        .with_all(index(&keys::of_user(owner)))
        // A job that waits is kept from its time on.
        .with_all(conclude::keep(&id, now, retention.map(|kept| kept + wait)));
    if submission.not_before.is_some() {
        let staged = queue.stage(&Uuid::new_v4().to_string(), messages)?;
        let begin = Begin::new(&id, &run);
        let message = begin.encode_untraced()?;
        change = change.keeping_staged(staged, keys::toons(&id));
        change = match wait.is_zero() {
            true => change.publishing(message),
            false => change.with(queue.names().schedule(&begin.id(), &message, wait)),
        };
    } else if is_large {
        let staged = queue.stage(&Uuid::new_v4().to_string(), messages)?;
        change = change.publishing_staged(staged);
    } else {
        change = messages.into_iter().fold(change, Change::publishing);
    }
    if let Some(key) = &caller.remembered {
        let value = format!("{id} {}", submission.fingerprint());
        change = change.once(key, value, REMEMBERED);
    }
    match queue.commit(&change)? {
        Outcome::Committed => Ok(Submitted::Accepted(id)),
        Outcome::Duplicate { value } => Ok(caller.judge_remembered(&value)),
        Outcome::Conflict { .. } | Outcome::AlreadySettled => {
            Ok(caller.judge(job::load(queue.redis(), &id)?))
        }
    }
}

/// The caller, the submission and its idempotency key.
struct Caller<'s> {
    owner: &'s str,
    submission: &'s Submission<'s>,
    remembered: Option<String>,
}

impl Caller<'_> {
    fn fields(&self, run: &str, now: u64) -> Vec<(String, Vec<u8>)> {
        let mut fields = vec![
            ("owner", self.owner.to_owned()),
            ("total", self.submission.toons.len().to_string()),
            ("fingerprint", self.submission.fingerprint().to_owned()),
            ("submitted", now.to_string()),
            (job::RUN, run.to_owned()),
            (job::PROCESSED, "0".to_owned()),
            (job::FAILED, "0".to_owned()),
        ];
        if let Some(time) = self.submission.not_before {
            fields.push((job::NOT_BEFORE, time.millis().to_string()));
            fields.push((job::SCHEDULED, "1".to_owned()));
        }
        let fields = fields.into_iter();
        fields
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect()
    }

    /// The earlier submission of the same job, if any.
    fn find(&self, redis: &impl Redis) -> Result<Option<Submitted>, base::Failure> {
        if let Some(key) = &self.remembered {
            let known = redis.call("GET", &[Arg::from(key)])?.into_iter().next();
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
    fn judge(&self, job: Option<job::Job>) -> Submitted {
        match job {
            Some(job)
                if job.owner == self.owner && job.fingerprint == self.submission.fingerprint() =>
            {
                Submitted::Accepted(job.id)
            }
            _ => Submitted::Taken,
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

/// Neighbouring toons, up to `max` together.
fn batches<'m, 't>(
    toons: &'m [Message<'t>],
    max: usize,
) -> impl Iterator<Item = &'m [Message<'t>]> {
    let mut left = toons;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = left.iter().take(max).take_while(|toon| {
            bytes += toon.toon.get().len();
            bytes <= Batch::MAX_BYTES
        });
        let (batch, others) = left.split_at_checked(fitting.count().max(1))?;
        left = others;
        Some(batch)
    })
}

fn bytes(submission: &Submission<'_>) -> usize {
    submission
        .toons
        .iter()
        .map(|toon| toon.content.get().len())
        .sum()
}

/// A new id: a UUIDv7 (RFC 9562), so that ids sort by time.
fn new_id() -> Result<JobId, base::Failure> {
    let id = Uuid::now_v7().to_string();
    id.parse()
        .map_err(|_| base::Failure::internal(format!("{id} is not an id")))
}

//! The effects of changes of a job. Those of one toon may be repeated: each time they set the
//! same values.

use std::borrow::Cow;
use std::time::Duration;

use base::{Failure, Trace};
use queue::{Completion, Effect, Message as _, Noted, QueueNames, Tallied};
use webhooks::{Fact, event_id, told, wishes_for};

use crate::job::{
    CANCELED, COMPLETED, FAILED, NOT_BEFORE, PROCESSED, RETRIED, SCHEDULED, TOTAL, UPDATED,
};
use crate::{Completed, CompletedView, Job, JobId, Outcome, Status, Submission, ToonResult, keys};

/// The type of the event of a completed job.
const KIND: &str = "orilla.job.completed";

/// The new job of a submission by the user `owner`, `now` in milliseconds since the Unix
/// epoch. `retention` is the time that it is kept after its last change, `None` for ever; one
/// that waits is kept from its time on.
pub fn submitted(
    submission: &Submission<'_>,
    owner: &str,
    (id, run): (&JobId, &str),
    now: u64,
    retention: Option<Duration>,
) -> Vec<Effect> {
    let mut fields = vec![
        ("owner", owner.to_owned()),
        (TOTAL, submission.toons.len().to_string()),
        ("fingerprint", submission.fingerprint().to_owned()),
        ("submitted", now.to_string()),
        ("run", run.to_owned()),
        (PROCESSED, "0".to_owned()),
        (FAILED, "0".to_owned()),
    ];
    if let Some(time) = submission.not_before {
        fields.push((NOT_BEFORE, time.millis().to_string()));
        fields.push((SCHEDULED, "1".to_owned()));
    }
    let mut effects = vec![set(id, fields)];
    // Removes keys that an expired job of the same id may have left.
    let remains = [keys::results, keys::failed, keys::letters, keys::toons];
    effects.extend(remains.map(|key| Effect::Remove { key: key(id) }));
    for key in [keys::ALL.to_owned(), keys::of_user(owner)] {
        effects.push(Effect::Sweep {
            key: key.clone(),
            prefix: keys::JOB.to_owned(),
        });
        effects.push(Effect::Index {
            key,
            member: id.to_string(),
            // Exact: the number has fewer than 53 bits.
            score: now as f64,
        });
    }
    let wait = submission.wait(now);
    effects.extend(keep(id, now, retention.map(|kept| kept + wait)));
    effects
}

/// The begin of a job that waited for its time: its toons are published.
pub fn begun(id: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let mut effects = vec![
        QueueNames::new(keys::QUEUE).send_all(keys::toons(id)),
        unset(id, SCHEDULED),
    ];
    effects.extend(keep(id, now, retention));
    effects
}

/// The end of the toon at `index`. It corrects the outcome of a toon that failed before and
/// was tried again; `is_first` says that it cannot have failed before.
///
/// # Errors
/// None known: the result is JSON.
pub fn ended(
    id: &JobId,
    index: u32,
    result: &ToonResult<'_>,
    is_first: bool,
) -> Result<Vec<Effect>, Failure> {
    let has_failed = matches!(result.outcome, Outcome::Failed { .. });
    let mut effects = vec![Effect::Set {
        key: keys::results(id),
        fields: vec![(index.to_string(), serde_json::to_vec(result)?)],
    }];
    if has_failed || !is_first {
        effects.push(Effect::Bit {
            key: keys::failed(id),
            at: index,
            on: has_failed,
        });
    }
    Ok(effects)
}

/// Where the id of the dead letter of the toon at `index` is noted: the hash and its field.
pub fn letter(id: &JobId, index: u32) -> (String, String) {
    (keys::letters(id), index.to_string())
}

/// The effects that follow those of `ended`, once for several toons of a job: its counts, and
/// the time of the change.
pub fn counted(id: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let tally = |field: &str, what, of| Effect::Tally {
        key: keys::job(id),
        field: field.to_owned(),
        what,
        of,
    };
    let mut effects = vec![
        tally(PROCESSED, Tallied::Fields, keys::results(id)),
        tally(FAILED, Tallied::Bits, keys::failed(id)),
    ];
    effects.extend(keep(id, now, retention));
    effects
}

/// Another try at the failed toons of a job: their dead letters go back to the queue.
pub fn retried(id: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let failed = Noted {
        letters: keys::letters(id),
        outcomes: keys::results(id),
        failed: keys::failed(id),
        count: (keys::job(id), RETRIED.to_owned()),
    };
    let mut effects = vec![
        QueueNames::new(keys::QUEUE).redrive(failed),
        unset(id, COMPLETED),
    ];
    effects.extend(counted(id, now, retention));
    effects
}

/// A worker tells of the job's end, if the toons that are settled with it are the last ones
/// and a webhook wants to know.
///
/// # Errors
/// None known: the message is JSON.
pub fn completes(id: &JobId, run: &str, trace: &Trace) -> Result<Effect, Failure> {
    let of = Completion {
        key: keys::job(id),
        counts: [PROCESSED, TOTAL].map(str::to_owned),
        noted: COMPLETED.to_owned(),
        unless: CANCELED.to_owned(),
    };
    let message = Completed {
        job: Cow::Borrowed(id),
        run: Cow::Borrowed(run),
    };
    let (queue, message) = (QueueNames::new(keys::QUEUE), message.encode(trace)?);
    Ok(queue.send_when_complete(of, webhooks::keys::WANTED, wishes_for(KIND), message))
}

/// Webhooks are told of the job's end; `None` where it has gone on since.
///
/// # Errors
/// None known: the event is JSON.
pub fn completed(job: &Job, trace: &Trace) -> Result<Option<Effect>, Failure> {
    match job.progress.status() {
        Status::Completed | Status::CompletedWithErrors => {}
        Status::Scheduled | Status::Pending | Status::Processing | Status::Canceled => {
            return Ok(None);
        }
    }
    let data = serde_json::to_string(&CompletedView {
        job: job.view(),
        user_id: &job.owner,
    })?;
    let fact = Fact {
        // A job that was retried is completed at another time.
        id: event_id(&format!("/jobs/{}/{}/{}", job.id, job.run, job.updated)),
        source: "/jobs",
        kind: KIND,
        subject: job.id.as_str(),
        version: job.updated,
        time: base::rfc3339(job.updated),
        data: &data,
    };
    told(fact, trace).map(Some)
}

/// Any change: its time, and the new expiry of all keys of the job.
fn keep(id: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let mut effects = vec![set(id, vec![(UPDATED, now.to_string())])];
    if let Some(after) = retention {
        effects.extend(keys::all_of(id).map(|key| Effect::Expire { key, after }));
    }
    effects
}

fn set(id: &JobId, fields: Vec<(&str, String)>) -> Effect {
    let fields = fields.into_iter();
    Effect::Set {
        key: keys::job(id),
        fields: fields
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect(),
    }
}

fn unset(id: &JobId, field: &str) -> Effect {
    Effect::Unset {
        key: keys::job(id),
        field: field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::ToonId;

    fn id() -> JobId {
        "JOB-001".parse().unwrap()
    }

    fn ended_as(outcome: Outcome, is_first: bool) -> Vec<Effect> {
        let toon_id: ToonId = "T-1".parse().unwrap();
        let result = ToonResult {
            toon_id: &toon_id,
            outcome,
            attempts: 1,
            processed_at: "t",
        };
        ended(&id(), 7, &result, is_first).unwrap()
    }

    fn bit(effects: &[Effect]) -> Option<bool> {
        effects.iter().find_map(|effect| match effect {
            Effect::Bit { on, at: 7, .. } => Some(*on),
            _ => None,
        })
    }

    #[test]
    fn a_failed_toon_is_marked_and_a_later_success_clears_the_mark() {
        let done = || Outcome::Completed {
            result: RawValue::from_string("1".to_owned()).unwrap(),
            duration_ms: 1,
        };
        let failed = || Outcome::Failed {
            error: "no".to_owned(),
        };
        assert_eq!(bit(&ended_as(done(), true)), None, "it saves a write");
        assert_eq!(bit(&ended_as(done(), false)), Some(false));
        assert_eq!(bit(&ended_as(failed(), true)), Some(true));
        assert_eq!(bit(&ended_as(failed(), false)), Some(true));
    }

    #[test]
    fn all_keys_of_a_job_expire_together_or_never() {
        let expire = |retention| {
            let effects = counted(&id(), 5, retention).into_iter();
            let keys = effects.filter_map(|effect| match effect {
                Effect::Expire { key, .. } => Some(key),
                _ => None,
            });
            keys.collect::<Vec<_>>()
        };
        assert_eq!(expire(Some(Duration::from_secs(1))), keys::all_of(&id()));
        assert!(expire(None).is_empty());
    }

    #[test]
    fn a_job_that_waits_is_kept_from_its_time_on() {
        let body = br#"{"notBefore":"1970-01-01T00:00:10Z","toons":[{"toonId":"T-1"}]}"#;
        let submission = Submission::parse(body).unwrap();
        let kept = Some(Duration::from_secs(60));
        let effects = submitted(&submission, "456", (&id(), "r1"), 4_000, kept);
        let after = effects.iter().find_map(|effect| match effect {
            Effect::Expire { after, .. } => Some(*after),
            _ => None,
        });
        assert_eq!(after, Some(Duration::from_secs(66)));
    }
}

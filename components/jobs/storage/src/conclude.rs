//! Changes of a job when a toon ends.

use std::time::Duration;

use jobs_domain::{JobId, Outcome, ToonResult, keys};
use queue::{Effect, QueueNames, Tallied};

use crate::job::{FAILED, PROCESSED, SCHEDULED};

/// The effects of settling the message of the finished toon at `index`. They are
/// idempotent, and correct the outcome of a toon that failed before and was tried again; `is_first`
/// says that it cannot have failed before.
pub fn ended(
    job: &JobId,
    index: u32,
    result: &ToonResult<'_>,
    is_first: bool,
) -> Result<Vec<Effect>, base::Failure> {
    let has_failed = matches!(result.outcome, Outcome::Failed { .. });
    let mut effects = vec![Effect::Set {
        key: keys::results(job),
        fields: vec![(index.to_string(), serde_json::to_vec(result)?)],
    }];
    if has_failed || !is_first {
        effects.push(Effect::Bit {
            key: keys::failed(job),
            at: index,
            on: has_failed,
        });
    }
    Ok(effects)
}

/// The effects that follow those of ended toons: the job's counts, computed from all
/// stored outcomes.
pub fn tally(job: &JobId) -> [Effect; 2] {
    [
        (PROCESSED, Tallied::Fields, keys::results(job)),
        (FAILED, Tallied::Bits, keys::failed(job)),
    ]
    .map(|(field, what, of)| Effect::Tally {
        key: keys::job(job),
        field: field.to_owned(),
        what,
        of,
    })
}

/// The time that a job is kept after its last change, from a number of days; `None` is
/// for ever.
pub fn retention(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(24 * 60 * 60) * days)
}

/// The effects of the begin of a job that waited for its time: its toons are published on
/// `queue`.
pub fn begun(queue: &QueueNames, job: &JobId, retention: Option<Duration>) -> Vec<Effect> {
    let mut effects = vec![
        queue.send_all(keys::toons(job)),
        Effect::Unset {
            key: keys::job(job),
            field: SCHEDULED.to_owned(),
        },
    ];
    effects.extend(keep(job, base::now_millis(), retention));
    effects
}

/// Where the id of the dead letter of the toon at `index` is noted: the hash and its field.
pub fn letter(job: &JobId, index: u32) -> (String, String) {
    (keys::letters(job), index.to_string())
}

/// The effects of any change of a job: the time of the change, and the new expiry of all
/// its keys; `None` is for ever.
pub fn keep(job: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let mut effects = vec![Effect::Set {
        key: keys::job(job),
        fields: vec![("updated".to_owned(), now.to_string().into_bytes())],
    }];
    if let Some(after) = retention {
        effects.extend(keys::all_of(job).map(|key| Effect::Expire { key, after }));
    }
    effects
}

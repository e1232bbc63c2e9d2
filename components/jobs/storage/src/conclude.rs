//! What the end of a toon does to its job.

use std::time::Duration;

use jobs_domain::{JobId, Outcome, ToonResult, keys};
use queue::{Effect, Tallied};

use crate::job::{FAILED, PROCESSED};

/// The effects of settling the message of the toon at `index` of a job, which is
/// finished. They come to the same however often they happen. A toon that failed
/// before and was given another chance is corrected by them.
pub fn ended(
    job: &JobId,
    index: u32,
    result: &ToonResult<'_>,
) -> Result<[Effect; 2], base::Failure> {
    Ok([
        Effect::Set {
            key: keys::results(job),
            fields: vec![(index.to_string(), serde_json::to_vec(result)?)],
        },
        Effect::Bit {
            key: keys::failed(job),
            at: index,
            on: matches!(result.outcome, Outcome::Failed { .. }),
        },
    ])
}

/// The effects that come after those of toons that ended: their job's counts, taken
/// from what is stored of all its toons.
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

/// How long a job is kept after its last change when that is said in days;
/// `None` is for ever.
pub fn retention(days: u32) -> Option<Duration> {
    (days > 0).then(|| Duration::from_secs(24 * 60 * 60) * days)
}

/// The effects that come with any change of a job: when that was, and for how
/// long all that is stored of it is kept from then on; `None` is for ever.
pub fn keep(job: &JobId, now: u64, retention: Option<Duration>) -> Vec<Effect> {
    let mut effects = vec![Effect::Set {
        key: keys::job(job),
        fields: vec![("updated".to_owned(), now.to_string().into_bytes())],
    }];
    if let Some(after) = retention {
        effects.extend(
            [
                keys::job(job),
                keys::register(job),
                keys::failed(job),
                keys::results(job),
            ]
            .map(|key| Effect::Expire { key, after }),
        );
    }
    effects
}

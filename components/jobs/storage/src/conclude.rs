//! What the end of a toon does to its job.

use std::time::Duration;

use jobs_domain::{JobId, Outcome, ToonResult, keys};
use queue::Effect;

use crate::StorageError;

/// A toon that is finished.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The job.
    pub job: JobId,
    /// The toon's place in it.
    pub index: u32,
    /// What came of it.
    pub result: ToonResult,
}

/// The effects of settling the message of a toon that is finished. They come
/// to the same however often they happen. A toon that failed before and was
/// given another chance is corrected by them.
pub fn ended(ending: &Ending) -> Result<[Effect; 2], StorageError> {
    let Ending { job, index, result } = ending;
    Ok([
        Effect::Set {
            key: keys::results(job),
            fields: vec![(index.to_string(), serde_json::to_vec(result)?)],
        },
        Effect::Bit {
            key: keys::failed(job),
            at: *index,
            on: matches!(result.outcome, Outcome::Failed { .. }),
        },
    ])
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

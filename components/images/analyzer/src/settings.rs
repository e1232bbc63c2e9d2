use base::{number, text};
use images_domain::Censorship;
use objects::Objects;
use queue::Policy;

/// What the component's variables say.
pub(crate) struct Settings {
    pub(crate) objects: Objects,
    pub(crate) max_upload_bytes: u64,
    pub(crate) censorship: Censorship,
    pub(crate) policy: Policy,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, base::Failure> {
        let store = Objects::from_variables("images_bucket_name")?;
        let policy = worker::policy()?;
        Ok(Self {
            objects: store,
            max_upload_bytes: number("max_upload_bytes", 1)?,
            censorship: Censorship {
                min_confidence: number("min_confidence", 0.0)?,
                label: text("censored_label")?.trim().to_owned(),
                rejected: number("censored_rejected_threshold", 0.0)?,
                under_review: number("censored_under_review_threshold", 0.0)?,
            },
            // Photos take long: no more are claimed than are in work at once, so that
            // other workers may have the rest.
            policy: Policy {
                batch: policy.batch.min(policy.concurrency),
                ..policy
            },
        })
    }
}

//! The worker of the queue `images`: verifies uploaded photos, keeps the announced ones
//! and labels them, and does the later steps of a photo's life. A Redis message wakes it;
//! `POST /ops/queues/images/drain` does the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod analyzer;
mod finding;
mod labeler;
mod labels;
mod timers;
mod upload;
mod work;

use base::{Failure, flag, number, text};
use images_domain::{Censorship, keys};
use objects::Objects;
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::analyzer::Analyzer;

worker::exports!(keys::QUEUE, open);

async fn open<'a>(queue: &'a Queue<'a, SpinRedis>) -> Result<Analyzer<'a>, Failure> {
    Ok(Analyzer {
        queue,
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("images_bucket_name").await?,
        max_upload_bytes: number("max_upload_bytes", 1)?,
        censorship: Censorship {
            min_confidence: number("min_confidence", 0.0)?,
            label: text("censored_label")?.trim().to_owned(),
            rejected: number("censored_rejected_threshold", 0.0)?,
            under_review: number("censored_under_review_threshold", 0.0)?,
        },
        strip_metadata: flag("strip_metadata")?,
    })
}

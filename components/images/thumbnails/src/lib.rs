//! The worker of the queue `images.thumbnails`: makes the thumbnails that are wanted. A Redis
//! message wakes it; `POST /ops/queues/images.thumbnails/drain` does the same where there is
//! no Redis trigger.
//!
//! It is no part of the analyzer, since a decoded picture and the labeler together do not fit
//! into the memory of one component.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod work;

use base::{Failure, Trace, number};
use images_domain::keys;
use objects::Objects;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Maker;

worker::exports!(keys::THUMBNAILS, drain);

async fn drain() -> Result<usize, Failure> {
    let policy = worker::policy()?;
    let redis = SpinRedis::open()?;
    let wanted = worker::open(&redis, keys::THUMBNAILS)?;
    let maker = Maker {
        images: worker::open(&redis, keys::QUEUE)?,
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("images_bucket_name").await?,
        max_bytes: number("max_upload_bytes", 1)?,
    };
    let handled = worker::run(&wanted, &policy, &maker).await;
    // Records that could not be stored have messages on their own queue.
    worker::notify(&maker.images, &Trace::new()).await;
    handled
}

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

use base::{Failure, number};
use images_domain::keys;
use objects::Objects;
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Maker;

worker::exports!(keys::THUMBNAILS, open);

async fn open<'a>(wanted: &'a Queue<'a, SpinRedis>) -> Result<Maker<'a>, Failure> {
    Ok(Maker {
        images: wanted.beside(keys::QUEUE),
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("images_bucket_name").await?,
        max_bytes: number("max_upload_bytes", 1)?,
    })
}

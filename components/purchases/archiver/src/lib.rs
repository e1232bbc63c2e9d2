//! The worker of the queue `compras`: makes sure that the versions of purchases are stored,
//! archives each change as an object and counts it in the sums of reports. A Redis message
//! wakes it; `POST /ops/queues/compras/drain` does the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod archive;
mod erase;
mod work;

use std::time::Duration;

use base::{Failure, number};
use objects::Objects;
use purchases_domain::keys;
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Archiver;

worker::exports!(keys::QUEUE, open);

async fn open<'a>(queue: &Queue<'a, SpinRedis>) -> Result<Archiver<'a>, Failure> {
    Ok(Archiver {
        redis: queue.redis(),
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("compras_bucket").await?,
        compact_after: Duration::from_secs(number("compras_compact_after_seconds", 1)?),
        tally: Default::default(),
        marks: Default::default(),
    })
}

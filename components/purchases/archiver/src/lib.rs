//! The worker of the queue `compras`: makes sure that the versions of purchases are stored,
//! archives each change as an object and counts it in the sums of reports. A Redis message
//! wakes it; `POST /ops/queues/compras/drain` does the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod archive;
mod erase;
mod occurred;
mod work;

use std::time::Duration;

use base::{Failure, number};
use objects::Objects;
use purchases_domain::keys;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Archiver;

worker::exports!(keys::QUEUE, drain);

async fn drain() -> Result<usize, Failure> {
    let policy = worker::policy()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let archiver = Archiver {
        redis: &redis,
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("compras_bucket").await?,
        compact_after: Duration::from_secs(number("compras_compact_after_seconds", 1)?),
        tally: Default::default(),
        marks: Default::default(),
    };
    worker::run(&queue, &policy, &archiver).await
}

//! The worker of the queue `ipp`: starts runs of Databricks, looks at them until they end,
//! and finds their files. A Redis message wakes it; `POST /ops/queues/ipp/drain` does the
//! same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod automatic;
mod follow;
mod work;

use base::Failure;
use ipp_domain::keys;
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Follower;

worker::exports!(keys::QUEUE, open);

async fn open<'a>(queue: &'a Queue<'a, SpinRedis>) -> Result<Follower<'a>, Failure> {
    Ok(Follower {
        queue,
        store: SpinKeyValue::open()?,
    })
}

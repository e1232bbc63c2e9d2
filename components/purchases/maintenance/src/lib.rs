//! The worker of the queue `compras.archive`: replays and compaction. A Redis message wakes
//! it; `POST /ops/queues/compras.archive/drain` does the same where there is no Redis
//! trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod compact;
mod replay;
mod work;

use std::time::Duration;

use base::{Failure, flag, number};
use objects::Objects;
use purchases_domain::keys;
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Maintainer;

worker::exports!(keys::MAINTENANCE, open);

async fn open<'a>(queue: &Queue<'a, SpinRedis>) -> Result<Maintainer<'a>, Failure> {
    Ok(Maintainer {
        redis: queue.redis(),
        store: SpinKeyValue::open()?,
        objects: Objects::from_variables("compras_bucket").await?,
        compact_after: Duration::from_secs(number("compras_compact_after_seconds", 1)?),
        deletes_originals: flag("compras_compact_delete")?,
    })
}

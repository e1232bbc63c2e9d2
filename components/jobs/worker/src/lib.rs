//! The worker of the queue `jobs`: has toons processed and stores their outcomes. A Redis
//! message wakes it; `POST /ops/queues/jobs/drain` does the same where there is no Redis
//! trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod toons;

use jobs_domain::keys::QUEUE;
use queue::Queue;
use stores::SpinRedis;

use crate::toons::Toons;

worker::exports!(QUEUE, open);

async fn open<'a>(queue: &Queue<'a, SpinRedis>) -> Result<Toons<'a>, base::Failure> {
    Ok(Toons::new(queue.redis(), jobs_storage::retention()?))
}

//! The worker of the queue `jobs`: has toons processed and stores their outcomes. A Redis
//! message wakes it; `POST /ops/queues/jobs/drain` does the same where there is no Redis
//! trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod toons;

use jobs_domain::keys::QUEUE;
use stores::SpinRedis;

use crate::toons::Toons;

worker::exports!(QUEUE, drain);

async fn drain() -> Result<usize, base::Failure> {
    let policy = worker::policy()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, QUEUE)?;
    let retention = jobs_storage::retention(base::number("job_retention_days", 0)?);
    worker::run(&queue, &policy, &Toons::new(&redis, retention)).await
}

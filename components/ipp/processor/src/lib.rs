//! The worker of the queue `ipp.files`: makes a CSV of each workbook, by the rule that
//! `spin.toml` binds. A Redis message wakes it; `POST /ops/queues/ipp.files/drain` does the
//! same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod rule;
mod work;

use base::Failure;
use ipp_domain::keys;
use objects::Objects;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Processor;

worker::exports!(keys::FILES, drain);

async fn drain() -> Result<usize, Failure> {
    let policy = worker::policy()?;
    let redis = SpinRedis::open()?;
    let files = worker::open(&redis, keys::FILES)?;
    let processor = Processor {
        jobs: worker::open(&redis, keys::QUEUE)?,
        store: SpinKeyValue::open()?,
        raw: Objects::from_variables("ipp_raw_bucket").await?,
        processed: Objects::from_variables("ipp_processed_bucket").await?,
    };
    let handled = worker::run(&files, &policy, &processor).await;
    // Jobs that went on have messages on their own queue.
    worker::notify(&processor.jobs, &base::Trace::new()).await;
    handled
}

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
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Processor;

worker::exports!(keys::FILES, open);

async fn open<'a>(files: &'a Queue<'a, SpinRedis>) -> Result<Processor<'a>, Failure> {
    Ok(Processor {
        jobs: files.beside(keys::QUEUE),
        store: SpinKeyValue::open()?,
        raw: Objects::from_variables("ipp_raw_bucket").await?,
        processed: Objects::from_variables("ipp_processed_bucket").await?,
    })
}

//! The worker of one status's queue, which the variable `order_status` names: makes sure
//! that the versions of orders are stored, has them handled and stores the outcome. A
//! Redis message wakes it; `POST /ops/queues/orders.{status}/drain` does the same where
//! there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod work;

use base::{Failure, text};
use orders_domain::{Status, keys};
use queue::Queue;
use stores::{SpinKeyValue, SpinRedis};

use crate::work::Processor;

worker::exports!(status().map_or("orders", keys::queue), open);

async fn open(_: &Queue<'_, SpinRedis>) -> Result<Processor, Failure> {
    // Without a status, the queue is none that has messages.
    status()?;
    Ok(Processor {
        store: SpinKeyValue::open()?,
        has_receivers: !text("notification_urls")?.trim().is_empty(),
        // CloudEvents requires a source.
        notification_source: match text("notification_source")?.trim() {
            "" => "/orders".to_owned(),
            source => source.to_owned(),
        },
    })
}

/// The status of this component's queue.
fn status() -> Result<Status, Failure> {
    text("order_status")?
        .trim()
        .parse()
        .map_err(|error| Failure::misconfigured(format!("the variable order_status: {error}")))
}

//! The worker of the queue of one status, which the variable `order_status`
//! names: has the changes of orders handled, each order's one after the other. It
//! is woken by the queue's bell; `POST /ops/queues/orders.{status}/drain` does the
//! same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod handler;
mod settings;
mod task;
mod work;

use orders_domain::{Status, keys};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};
use stores::{SpinKeyValue, SpinRedis};

use crate::settings::Settings;
use crate::work::Worker;

#[redis_component]
async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
    worker::on_bell(drain()).await
}

#[http_component]
async fn on_request(request: IncomingRequest, out: ResponseOutparam) {
    let queue = settings::status().map_or("orders", keys::queue);
    worker::on_request(request, out, queue, drain).await;
}

async fn drain() -> Result<usize, base::Failure> {
    let status: Status = settings::status()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::queue(status))?;
    let worker = Worker {
        queue: &queue,
        store: &SpinKeyValue::open()?,
        settings: &Settings::read()?,
    };
    let policy = &worker.settings.policy;
    worker::drain(&queue, policy, async |deliveries, deadline| {
        let handle = async |group: &[_]| worker.handle(group);
        worker::in_groups(&queue, policy, &deliveries, deadline, handle).await
    })
    .await
}

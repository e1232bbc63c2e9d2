//! The worker of the queue `jobs`: has toons processed and keeps what comes of
//! them. It is woken by the queue's bell; `POST /ops/queues/jobs/drain` does
//! the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod batch;
mod processor;
mod settings;
mod toons;

use jobs_domain::keys::QUEUE;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};
use stores::SpinRedis;

use crate::settings::Settings;
use crate::toons::Worker;

#[redis_component]
async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
    worker::on_bell(drain()).await
}

#[http_component]
async fn on_request(request: IncomingRequest, out: ResponseOutparam) {
    worker::on_request(request, out, QUEUE, drain).await;
}

async fn drain() -> Result<usize, base::Failure> {
    let settings = Settings::read()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, QUEUE)?;
    let toons = Worker::new(&settings, &queue);
    worker::drain(&queue, &settings.policy, async |deliveries, deadline| {
        toons.handle(deliveries, deadline)
    })
    .await
}

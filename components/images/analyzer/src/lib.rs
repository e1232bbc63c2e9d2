//! The analyzer: checks uploaded photos, keeps those that are what was
//! announced and finds out what is to be seen in them; and what has to be done
//! for a photo later. It works on the queue `images`, woken by its bell; `POST
//! /ops/queues/images/drain` does the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod conclude;
mod labeler;
mod labels;
mod settings;
mod settle;
mod timers;
mod upload;
mod work;

use images_domain::keys;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};

#[redis_component]
async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
    worker::on_bell(work::drain()).await
}

#[http_component]
async fn on_request(request: IncomingRequest, out: ResponseOutparam) {
    worker::on_request(request, out, keys::QUEUE, work::drain).await;
}

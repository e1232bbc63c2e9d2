//! The analyzer: checks uploaded photos and finds out what is to be seen in
//! them. It works on the queue `images`, woken by its bell; `POST
//! /ops/queues/images/drain` does the same where there is no Redis trigger.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod conclude;
mod labeler;
mod labels;
mod settings;
mod upload;
mod worker;

use anyhow::anyhow;
use http::StatusCode;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};
use web::{Call, Endpoint, Reply, Trace, log};

#[redis_component]
async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
    worker::drain().await.map(|_| ()).map_err(|error| {
        // Nothing is lost: what was claimed comes back when its lease ends.
        let fields = json!({"code": error.code, "error": error.message, "detail": error.detail});
        log::error(&Trace::new(), "the queue could not be worked on", fields);
        anyhow!("{}", error.message)
    })
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::post(0), drain).await;
}

async fn drain(call: Call) -> Reply {
    web::require_role(&web::authenticate(&call)?, "ops")?;
    let handled = worker::drain().await?;
    web::json(
        StatusCode::OK,
        &json!({"queue": images_domain::keys::QUEUE, "handled": handled}),
    )
}

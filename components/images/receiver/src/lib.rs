//! `POST /receiver`: a photo is announced, and a URL to upload it to is given.
//! `POST /receiver/complete`: the client says that the upload is done, for
//! stores that send no notifications.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod complete;
mod receive;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use web::{Call, Endpoint, Reply};

/// Twice what the longest `content` may take when every character is escaped.
const BODY_LIMIT: usize = 128 * 1024;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::post(BODY_LIMIT), route).await;
}

async fn route(call: Call) -> Reply {
    if call.path().trim_end_matches('/').ends_with("/complete") {
        complete::complete(call).await
    } else {
        receive::receive(call).await
    }
}

//! `GET /images/{file}`: what is known of one of the caller's photos.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use images_domain::FileName;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinKeyValue;
use web::{ApiError, Call, Endpoint, Reply};

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::get(), record).await;
}

async fn record(call: Call) -> Reply {
    let principal = web::authenticate(&call)?;
    let unknown = || ApiError::not_found("unknown_image", "you have no such photo");
    let file: FileName = call.last_segment().parse().map_err(|_| unknown())?;
    if !file.belongs_to(&principal.subject) {
        // Another's photo looks the same as one that does not exist.
        return Err(unknown());
    }
    let record = images_storage::load(&SpinKeyValue::open()?, &file)?.ok_or_else(unknown)?;
    web::json(StatusCode::OK, &record.document)
}

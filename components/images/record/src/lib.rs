//! `GET /images/{file}`: the record of one of the caller's photos.
//! `DELETE /images/{file}`: removes the photo, or with `?post_id=` its use in one post.
//! The photo is removed with its last use.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod photo;
mod remove;

use http::StatusCode;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinKeyValue;
use web::{Call, Reply, Route};

use crate::photo::{file, unknown};

/// A body is read only to be refused.
const BODY_LIMIT: usize = 4 * 1024;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let routes = [
        Route::get("/images/{file}", read),
        Route::delete("/images/{file}", remove::remove).bytes(BODY_LIMIT),
    ];
    web::serve(request, out, routes).await;
}

async fn read(call: Call) -> Reply {
    let record = images_storage::load(&SpinKeyValue::open()?, &file(&call)?)?
        .map(|record| record.document)
        .filter(|record| !record.is_deleted())
        .ok_or_else(unknown)?;
    web::json(StatusCode::OK, &record.shown())
}

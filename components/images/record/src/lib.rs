//! `GET /images/{file}`: what is known of one of the caller's photos.
//! `DELETE /images/{file}`: the photo is removed, or with `?post_id=` its use
//! in one post; with its last use it goes, too.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod remove;

use http::{Method, StatusCode};
use images_domain::FileName;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinKeyValue;
use web::{ApiError, Call, Endpoint, Reply};

const ENDPOINT: Endpoint = Endpoint {
    methods: &[Method::GET, Method::DELETE],
    // A body is read so that it can be refused.
    body_limit: 4 * 1024,
};

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, ENDPOINT, route).await;
}

async fn route(call: Call) -> Reply {
    let principal = web::authenticate(&call)?;
    let file: FileName = call.last_segment().parse().map_err(|_| unknown())?;
    if !file.belongs_to(&principal.subject) {
        // Another's photo looks the same as one that does not exist.
        return Err(unknown());
    }
    match *call.method() {
        Method::DELETE => remove::remove(&call, &file).await,
        _ => read(&file),
    }
}

fn read(file: &FileName) -> Reply {
    let record = images_storage::load(&SpinKeyValue::open()?, file)?
        .map(|record| record.document)
        .filter(|record| !record.is_deleted())
        .ok_or_else(unknown)?;
    web::json(StatusCode::OK, &record.shown())
}

fn unknown() -> ApiError {
    ApiError::not_found("unknown_image", "you have no such photo")
}

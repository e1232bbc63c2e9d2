//! `GET /images/{file}`: the record of one of the caller's photos.
//! `DELETE /images/{file}`: removes the photo, or with `?post_id=` its use in one post.
//! The photo is removed with its last use.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod photo;
mod remove;

use http::StatusCode;
use images_domain::UNKNOWN;
use web::{Call, Reply, Route};

use crate::photo::file;

/// A body is read only to be refused.
const BODY_LIMIT: usize = 4 * 1024;

web::exports![
    Route::get("/images/{file}", read),
    Route::delete("/images/{file}", remove::remove).bytes(BODY_LIMIT),
];

async fn read(call: Call) -> Reply {
    let record = images_storage::existing(&file(&call)?)?.ok_or(UNKNOWN)?;
    web::json(StatusCode::OK, &record.shown())
}

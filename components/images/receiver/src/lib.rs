//! `POST /receiver`: announces a photo and answers its upload URL.
//! `POST /receiver/complete`: reports the upload, for stores that send no notifications.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod complete;
mod receive;

use web::Route;

/// Twice the maximum size of `content` with every character escaped.
const BODY_LIMIT: usize = 128 * 1024;

web::exports![
    Route::post("/receiver", receive::receive).json(BODY_LIMIT),
    Route::post("/receiver/complete", complete::complete).json(BODY_LIMIT),
];

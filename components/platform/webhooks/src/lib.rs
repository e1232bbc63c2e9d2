//! `/webhooks`: operators make endpoints, change them and try them.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod change;
mod common;
mod deliveries;
mod read;
mod test;

use web::Route;

/// The role that opens the routes: endpoints get the events of all users.
const ROLE: &str = "ops";

/// Room for all fields of an endpoint with every character escaped.
const BODY_LIMIT: usize = 64 * 1024;

web::exports![
    Route::get("/webhooks", read::list).role(ROLE),
    Route::post("/webhooks", change::create)
        .role(ROLE)
        .json(BODY_LIMIT),
    Route::get("/webhooks/{id}", read::webhook).role(ROLE),
    Route::patch("/webhooks/{id}", change::patch)
        .role(ROLE)
        .merge_patch(BODY_LIMIT),
    Route::delete("/webhooks/{id}", change::delete).role(ROLE),
    Route::post("/webhooks/{id}/secret/rotate", change::rotate)
        .role(ROLE)
        .json(BODY_LIMIT),
    Route::post("/webhooks/{id}/test", test::send).role(ROLE),
    Route::get("/webhooks/{id}/deliveries", deliveries::list).role(ROLE),
    Route::post(
        "/webhooks/{id}/deliveries/{event}/resend",
        deliveries::resend_one
    )
    .role(ROLE),
    Route::post("/webhooks/{id}/resend", deliveries::resend_since)
        .role(ROLE)
        .json(BODY_LIMIT),
];

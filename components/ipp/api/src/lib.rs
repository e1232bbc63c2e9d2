//! `/ipp`: jobs are validated, started, followed and canceled over HTTP.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod cancel;
mod common;
mod events;
mod read;
mod start;
mod validate;

use web::Route;

/// Room for 10,000 ids as strings.
const BODY_LIMIT: usize = 256 * 1024;

/// Room for an event of Databricks.
const EVENT_LIMIT: usize = 64 * 1024;

web::exports![
    Route::post("/ipp/validate-clients", validate::validate).json(BODY_LIMIT),
    Route::post("/ipp/start", start::start).json(BODY_LIMIT),
    Route::get("/ipp/status/{job_id}", read::status),
    Route::get("/ipp/jobs", read::list),
    Route::post("/ipp/jobs/{job_id}/cancel", cancel::cancel),
    Route::post_by_machine("/ipp/events", "ipp_events_token", events::receive).json(EVENT_LIMIT),
];

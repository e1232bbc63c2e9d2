//! Orders, their versions and their processing, over HTTP.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod change;
mod read;

use web::Route;

/// Room for all fields of an order with every character escaped.
const BODY_LIMIT: usize = 256 * 1024;

web::exports![
    Route::get("/orders", read::list),
    Route::post("/orders", change::create).json(BODY_LIMIT),
    Route::get("/orders/{orderId}", read::order),
    Route::put("/orders/{orderId}", change::put).json(BODY_LIMIT),
];

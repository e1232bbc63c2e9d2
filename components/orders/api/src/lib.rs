//! Orders, their versions and their processing, over HTTP.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod batch;
mod change;
mod read;

use web::Route;

/// Room for all fields of an order with every character escaped.
const BODY_LIMIT: usize = 256 * 1024;

/// Room for a hundred orders with texts of 20 KiB.
const BATCH_LIMIT: usize = 2 * 1024 * 1024;

web::exports![
    Route::get("/orders", read::list),
    Route::post("/orders", change::create).json(BODY_LIMIT),
    Route::post("/orders/batch", batch::batch).json(BATCH_LIMIT),
    Route::get("/orders/{orderId}", read::order),
    Route::put("/orders/{orderId}", change::put).json(BODY_LIMIT),
    Route::patch("/orders/{orderId}", change::patch).merge_patch(BODY_LIMIT),
];

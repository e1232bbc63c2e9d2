//! `/compras` and `/compras/{compra_id}`: purchases and their versions, over HTTP.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod change;
mod read;

use web::Route;

/// Room for 500 products and for all other fields. A page of a hundred purchases must fit
/// into a component's memory.
const BODY_LIMIT: usize = 256 * 1024;

web::exports![
    Route::get("/compras", read::list),
    Route::post("/compras", change::create).json(BODY_LIMIT),
    Route::get("/compras/{compra_id}", read::purchase),
    Route::put("/compras/{compra_id}", change::put).json(BODY_LIMIT),
    Route::delete("/compras/{compra_id}", change::remove),
];

//! Orders, their versions and their processing, over HTTP.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod change;
mod read;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use web::Route;

/// Room for all fields of an order with every character escaped.
const BODY_LIMIT: usize = 256 * 1024;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let routes = [
        Route::get("/orders", read::list),
        Route::post("/orders", change::create).json(BODY_LIMIT),
        Route::get("/orders/{orderId}", read::order),
        Route::put("/orders/{orderId}", change::put).json(BODY_LIMIT),
    ];
    web::serve(request, out, routes).await;
}

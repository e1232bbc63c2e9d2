//! Answers every request with an empty body. Benchmarks compare other components with it:
//! its cost is that of the platform.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use spin_sdk::http::{Request, Response};
use spin_sdk::http_component;

#[http_component]
fn handle(_request: Request) -> Response {
    Response::new(200, ())
}

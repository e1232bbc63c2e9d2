//! Answers every request with nothing. Benchmarks measure the other components
//! against it: what it costs is the platform's.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use spin_sdk::http::{Request, Response};
use spin_sdk::http_component;

#[http_component]
fn handle(_request: Request) -> Response {
    Response::new(200, ())
}

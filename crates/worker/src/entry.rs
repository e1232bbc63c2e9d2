//! The two entries of a worker: notifications of Redis, and HTTP.

use std::cell::Cell;

use anyhow::anyhow;
use base::{Failure, Trace, log};
use http::StatusCode;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use stores::SpinRedis;
use web::{Call, Reply, Route};

use crate::notify::drain_token;

/// Handles a notification of Redis: does `work`, which returns the number of messages.
///
/// # Errors
/// Those of `work`, which the runtime logs.
pub async fn on_notification(
    work: impl Future<Output = Result<usize, Failure>>,
) -> anyhow::Result<()> {
    let result = work.await.map(|_| ());
    SpinRedis::close();
    result.map_err(|error| {
        report(&error);
        anyhow!(error)
    })
}

/// Serves `POST /ops/queues/{queue}/drain`. A request of an operator (role `ops`) is
/// answered with 200 after the work. A notification (a request with the token of the
/// variable `drain_token`) is answered with 202 before it, since a client waits for its
/// sender.
pub async fn on_request<F: Future<Output = Result<usize, Failure>>>(
    request: IncomingRequest,
    out: ResponseOutparam,
    queue: &str,
    work: impl Fn() -> F,
) {
    let is_notified = Cell::new(false);
    let drain = async |call: Call| -> Reply {
        if call.is_machine() {
            is_notified.set(true);
            return web::json(StatusCode::ACCEPTED, &json!({"queue": queue}));
        }
        let handled = work().await?;
        web::json(StatusCode::OK, &json!({"queue": queue, "handled": handled}))
    };
    let drain = Route::post("/ops/queues/{queue}/drain", drain).token_or_role(drain_token, "ops");
    web::serve(request, out, [drain]).await;
    if is_notified.get() {
        let result = work().await;
        SpinRedis::close();
        if let Err(error) = result {
            report(&error);
        }
    }
}

fn report(error: &Failure) {
    let fields = json!({"error": error.to_string()});
    log::error(&Trace::new(), "the queue could not be worked on", fields);
}

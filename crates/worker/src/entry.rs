//! The two ways in to a worker.

use std::cell::Cell;

use anyhow::anyhow;
use base::{Failure, Trace, log};
use http::StatusCode;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use web::{Call, Endpoint, Reply};

use crate::bell::drain_token;

/// What a bell of Redis does: `work`.
///
/// # Errors
/// Those of the work, for the runtime to log.
pub async fn on_bell(work: impl Future<Output = Result<usize, Failure>>) -> anyhow::Result<()> {
    let result = work.await.map(|_| ());
    result.map_err(|error| {
        report(&error);
        anyhow!(error)
    })
}

/// Serves `POST /ops/queues/{queue}/drain`. An operator is answered when the
/// work is done. A bell is answered at once, for whoever rings it has a client
/// that waits, and the work is done after that.
pub async fn on_request<F: Future<Output = Result<usize, Failure>>>(
    request: IncomingRequest,
    out: ResponseOutparam,
    queue: &str,
    work: impl Fn() -> F,
) {
    let is_bell = Cell::new(false);
    let answer = async |call: Call| -> Reply {
        if rings_the_bell(&call) {
            is_bell.set(true);
            return web::json(StatusCode::ACCEPTED, &json!({"queue": queue}));
        }
        web::require_role(&web::authenticate(&call)?, "ops")?;
        let handled = work().await?;
        web::json(StatusCode::OK, &json!({"queue": queue, "handled": handled}))
    };
    web::serve(request, out, Endpoint::post(0), answer).await;
    if is_bell.get()
        && let Err(error) = work().await
    {
        report(&error);
    }
}

/// Whether a request brings the token of bells. Where none is set, no request does.
fn rings_the_bell(call: &Call) -> bool {
    drain_token().is_ok_and(|token| web::require_bearer(call, "drain_token", &token).is_ok())
}

fn report(error: &Failure) {
    let fields = json!({"error": error.to_string()});
    log::error(&Trace::new(), "the queue could not be worked on", fields);
}

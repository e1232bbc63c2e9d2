use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use spin_sdk::http::{ErrorCode, IncomingResponse, OutgoingRequest};
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler;
use spin_sdk::wit::wasi::http0_2_0::types::{FutureIncomingResponse, RequestOptions};

/// The max time to connect. It allows for a SYN that is lost twice: it is sent again after
/// 1 s and 3 s (RFC 6298).
const CONNECT: Duration = Duration::from_secs(5);

/// The max time until the head of the answer where the caller sets none, since the request
/// begins to be sent; Spin includes the connection. A worker begins no work after 20 s and is
/// ended after 30 s: in between it can release its messages when a service does not answer.
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(7);

/// The max time between two pieces of the body. A packet that is lost three times arrives
/// sooner, so after a longer silence the service hangs.
const BETWEEN_BYTES: Duration = Duration::from_secs(10);

/// Sends `request` through the runtime and waits for the head of the answer, as
/// [`spin_sdk::http::send`] does, but within time limits. `first_byte` is the one for the head.
///
/// # Errors
/// Those of the runtime, which enforces the limits.
pub(crate) async fn exchange(
    request: OutgoingRequest,
    first_byte: Duration,
) -> Result<IncomingResponse, ErrorCode> {
    head(outgoing_handler::handle(request, Some(limits(first_byte)))?).await
}

fn limits(first_byte: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    // A runtime that refuses a limit uses its own.
    _ = options.set_connect_timeout(nanoseconds(CONNECT));
    _ = options.set_first_byte_timeout(nanoseconds(first_byte));
    _ = options.set_between_bytes_timeout(nanoseconds(BETWEEN_BYTES));
    options
}

fn nanoseconds(limit: Duration) -> Option<u64> {
    limit.as_nanos().try_into().ok()
}

async fn head(response: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    // A child of `response`, so it is dropped first.
    let mut _wakeup = None;
    poll_fn(|context| match response.get() {
        // `get` returns the answer once, and this is the only call that takes it.
        Some(taken) => Poll::Ready(taken.unwrap_or(Err(ErrorCode::InternalError(None)))),
        None => {
            let token = push_waker_and_get_token(response.subscribe(), context.waker().clone());
            _wakeup = Some(CancelOnDropToken::from(token));
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_outlives_a_service_that_hangs() {
        let (last_begin, end) = (Duration::from_secs(20), Duration::from_secs(30));
        assert!(last_begin + FIRST_BYTE <= end);
        assert!(CONNECT + FIRST_BYTE + BETWEEN_BYTES < end);
        assert_eq!(nanoseconds(CONNECT), Some(5_000_000_000));
    }
}

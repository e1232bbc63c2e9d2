use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use wasi::clocks::monotonic_clock::subscribe_duration;

/// The output of a future, or `None` if it has none after `limit`: then it is dropped. The
/// limits of a [`Transport`](crate::Transport) are for the parts of an answer; this one is
/// for all of it, so that a service that sends a byte now and then does not hold up the
/// caller. Await it inside [`spin_sdk::http::run`] or a Spin handler.
pub async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let started = Instant::now();
    let mut future = pin!(future);
    let mut _wakeup = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Poll::Ready(None);
        }
        let timer = subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        let token = push_waker_and_get_token(timer, context.waker().clone());
        _wakeup = Some(CancelOnDropToken::from(token));
        Poll::Pending
    })
    .await
}

//! The minimum pace of a peer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The bytes that a peer must move in each second that the host waits for it.
const MIN_RATE: f64 = 1024.0;

/// Measures the pace of a peer in periods of waiting for it. In each one the peer must
/// move [`MIN_RATE`], or it is too slow. Time without waiting doesn't count.
pub struct Pace {
    period: Duration,
    left: Duration,
    bytes: usize,
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    /// Starts with the first period; no bytes have been moved.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            left: period,
            bytes: 0,
            wait: None,
        }
    }

    /// Waits for the peer; ready when it is too slow.
    pub fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (_, over) = self
            .wait
            .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(self.left))));
        over.as_mut().poll(cx)
    }

    /// Ends the waiting: `bytes` bytes were moved.
    pub fn moved(&mut self, bytes: usize) {
        let waited = self.wait.take().map(|(since, _)| since.elapsed());
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes as f64 >= self.period.as_secs_f64() * MIN_RATE {
            self.bytes = 0;
            self.left = self.period;
        } else if let Some(waited) = waited {
            self.left = self.left.saturating_sub(waited);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(200);

    /// Waits for a part of the time that is left.
    async fn wait(pace: &mut Pace) {
        let waited = poll_fn(|cx| pace.poll_too_slow(cx));
        let in_time = tokio::time::timeout(PERIOD / 10, waited).await;
        assert!(in_time.is_err());
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_too_slow() {
        let mut pace = Pace::new(PERIOD);
        wait(&mut pace).await;
        pace.moved(1);
        assert!(pace.left < PERIOD);
        // Time without waiting doesn't count.
        let left = pace.left;
        tokio::time::sleep(PERIOD).await;
        pace.moved(1);
        assert_eq!(pace.left, left);
        poll_fn(|cx| pace.poll_too_slow(cx)).await;
    }

    #[tokio::test]
    async fn a_steady_stream_may_take_long() {
        let mut pace = Pace::new(PERIOD);
        for _ in 0..20 {
            wait(&mut pace).await;
            pace.moved(1024);
            assert_eq!(pace.left, PERIOD);
        }
    }
}

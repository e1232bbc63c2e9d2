//! Work that outlives those who wait for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that goes on in a task of its own when it is dropped before its end.
pub struct Detachable<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Detachable<T> {
    /// Takes a future that nothing has polled.
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Detachable<T> {
    type Output = T;

    /// Pending for good once the result was returned.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending;
        };
        let result = future.as_mut().poll(cx);
        if result.is_ready() {
            self.0 = None;
        }
        result
    }
}

impl<T: Send + 'static> Drop for Detachable<T> {
    fn drop(&mut self) {
        // While the process panics in it, the future must not be polled again.
        if let Some(future) = self.0.take().filter(|_| !std::thread::panicking())
            // Without a runtime, the process ends.
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_future_whose_caller_has_gone_goes_on() {
        let (wake, woken) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let mut future = Detachable::new(async move {
            woken.await.unwrap();
            done.send(()).unwrap();
        });
        assert!(futures::poll!(&mut future).is_pending());
        drop(future);
        wake.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_future_that_nobody_waits_for_any_more_begins() {
        let (done, is_done) = oneshot::channel();
        drop(Detachable::new(async move { done.send(()).unwrap() }));
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn the_result_is_returned_once() {
        let mut future = Detachable::new(async { 7 });
        assert_eq!((&mut future).await, 7);
        assert!(futures::poll!(&mut future).is_pending());
    }

    #[test]
    fn without_a_runtime_the_future_ends() {
        let (done, mut is_done) = oneshot::channel::<()>();
        drop(Detachable::new(async move { drop(done) }));
        assert!(is_done.try_recv().is_err());
    }
}

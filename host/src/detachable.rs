//! Work that is done in the task that waits for it, as long as it is short.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// The maximum time that the future may keep the thread of the task that waits for it.
const MAX_BUSY: Duration = Duration::from_millis(5);

/// A future that is polled by the task that waits for it. It goes on in a task of its own, on
/// a runtime that has several threads, when it has been busy for [`MAX_BUSY`] at a time, and
/// when this is dropped before the future's end.
pub struct Detachable<T: Send + 'static> {
    runtime: Handle,
    work: Work<T>,
}

enum Work<T> {
    Here(Pin<Box<dyn Future<Output = T> + Send>>),
    Elsewhere(JoinHandle<T>),
    Done,
}

impl<T: Send + 'static> Detachable<T> {
    /// Takes a future that nothing has polled, and the runtime on which it may go on.
    pub fn new(runtime: Handle, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            runtime,
            work: Work::Here(Box::pin(future)),
        }
    }

    /// Lets the future go on in a task of its own, if nothing has done so and it has not ended.
    fn detach(&mut self) {
        self.work = match std::mem::replace(&mut self.work, Work::Done) {
            Work::Here(future) => Work::Elsewhere(self.runtime.spawn(future)),
            others => others,
        };
    }
}

impl<T: Send + 'static> Future for Detachable<T> {
    /// An error if the future panicked or its runtime ended.
    type Output = Result<T, JoinError>;

    /// Pending for good once the result was returned.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Work::Here(future) = &mut self.work {
            let started = Instant::now();
            // A panic ends the future and not the connection.
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Ready(result)) => {
                    self.work = Work::Done;
                    return Poll::Ready(Ok(result));
                }
                Ok(Poll::Pending) if started.elapsed() < MAX_BUSY => return Poll::Pending,
                Ok(Poll::Pending) => self.detach(),
                Err(panic) => {
                    let resume = async { std::panic::resume_unwind(panic) };
                    self.work = Work::Elsewhere(self.runtime.spawn(resume));
                }
            }
        }
        let Work::Elsewhere(task) = &mut self.work else {
            return Poll::Pending;
        };
        let result = Pin::new(task).poll(cx);
        if result.is_ready() {
            self.work = Work::Done;
        }
        result
    }
}

impl<T: Send + 'static> Drop for Detachable<T> {
    fn drop(&mut self) {
        self.detach();
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    /// The runtime on which futures go on.
    fn other() -> Runtime {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).build().unwrap()
    }

    fn here() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn short_work_stays_and_its_result_is_returned_once() {
        let (other, here) = (other(), here());
        let work = async {
            yield_now().await;
            Handle::current().id()
        };
        let mut work = Detachable::new(other.handle().clone(), work);
        here.block_on(async {
            assert_eq!((&mut work).await.unwrap(), here.handle().id());
            assert!(futures::poll!(&mut work).is_pending());
        });
    }

    #[test]
    fn long_work_goes_on_elsewhere() {
        let (other, here) = (other(), here());
        let work = async {
            std::thread::sleep(MAX_BUSY);
            let before = Handle::current().id();
            yield_now().await;
            (before, Handle::current().id())
        };
        let work = Detachable::new(other.handle().clone(), work);
        let ran = here.block_on(work).unwrap();
        assert_eq!(ran, (here.handle().id(), other.handle().id()));
    }

    #[test]
    fn work_whose_caller_has_gone_goes_on() {
        let (other, here) = (other(), here());
        let (wake, woken) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            woken.await.unwrap();
            done.send(()).unwrap();
        };
        let mut work = Detachable::new(other.handle().clone(), work);
        here.block_on(async { assert!(futures::poll!(&mut work).is_pending()) });
        drop(work);
        wake.send(()).unwrap();
        is_done.blocking_recv().unwrap();
    }

    #[test]
    fn a_panic_is_an_error() {
        let (other, here) = (other(), here());
        let work = async { panic!("as a test wants it") };
        let work: Detachable<()> = Detachable::new(other.handle().clone(), work);
        assert!(here.block_on(work).unwrap_err().is_panic());
    }
}

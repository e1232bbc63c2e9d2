//! Bodies of requests, bounded in time and in memory.
//!
//! A body goes to the guest as it comes, and only when the guest asks for it. While
//! the guest waits, the body must make progress; a long body must find room in a
//! budget. The room is released when the call ends, for until then the guest may
//! keep the bytes.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::Error;

use super::pace::Pace;
use super::transport::Activity;
use crate::limits::Limits;
use crate::slots::PATIENCE;

/// The maximum size of a body that needs no room in the budget, in bytes.
const SMALL: u64 = 64 << 10;
/// The unit of the budget, in bytes.
const UNIT: u64 = 1 << 10;
/// The step in which a body of unknown length takes room, in bytes.
const STEP: u64 = 256 << 10;

/// The budget and the waiting places that all request bodies of a host share.
#[derive(Clone, Debug)]
pub struct Bodies {
    budget: Arc<Semaphore>,
    budget_bytes: u64,
    /// The waiting places for guests that want bytes: half of all, so that slow clients
    /// leave places to others.
    waiting: Arc<Semaphore>,
    timeout: Duration,
}

/// Why the host gave up a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It stalled or was too slow.
    Stalled,
    /// Other bodies use the memory or the waiting places.
    Busy,
}

/// The state of a body as the host sees it.
#[derive(Debug, Default)]
pub struct Progress {
    error: AtomicU8,
    waiting: AtomicBool,
    ended: AtomicBool,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

/// The body of a request.
pub struct RequestBody {
    inner: Incoming,
    activity: Arc<Activity>,
    bodies: Bodies,
    progress: Arc<Progress>,
    received: u64,
    room: u64,
    taking_room: Option<BoxFuture<'static, Option<OwnedSemaphorePermit>>>,
    pace: Pace,
    /// Held while the guest waits for bytes.
    waiting: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// A full budget, with no body in hand.
    pub fn new(limits: &Limits) -> Self {
        let budget_bytes = u64::from(limits.max_body_memory).max(1) << 20;
        let units = usize::try_from(budget_bytes / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        let waiting = (limits.max_instances / 2).max(1) as usize;
        Self {
            budget: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            budget_bytes,
            waiting: Arc::new(Semaphore::new(waiting)),
            timeout: limits.body_timeout,
        }
    }

    /// Applies the bounds to a body.
    pub fn watch(&self, inner: Incoming, activity: Arc<Activity>) -> RequestBody {
        let progress = Arc::new(Progress::default());
        progress
            .ended
            .store(inner.is_end_stream(), Ordering::Relaxed);
        RequestBody {
            inner,
            activity,
            bodies: self.clone(),
            progress,
            received: 0,
            room: 0,
            taking_room: None,
            pace: Pace::new(self.timeout),
            waiting: None,
        }
    }
}

impl Progress {
    /// Why the host gave up the body, if it did.
    pub fn error(&self) -> Option<BodyError> {
        match self.error.load(Ordering::Relaxed) {
            1 => Some(BodyError::Stalled),
            2 => Some(BodyError::Busy),
            _ => None,
        }
    }

    /// Whether the guest waits for bytes that the client has not sent.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether all of the body has come.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn fail(&self, error: BodyError) -> Error {
        let code = match error {
            BodyError::Stalled => 1,
            BodyError::Busy => 2,
        };
        self.error.store(code, Ordering::Relaxed);
        match error {
            BodyError::Stalled => Error::ConnectionReadTimeout,
            BodyError::Busy => Error::ConnectionLimitReached,
        }
    }

    fn keep(&self, permit: OwnedSemaphorePermit) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        match room.as_mut() {
            Some(room) => room.merge(permit),
            None => *room = Some(permit),
        }
    }
}

impl RequestBody {
    /// The state of the body, for use after the guest has taken it.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// The room that the body needs for its next bytes.
    fn needed(&self) -> u64 {
        let needed = match self.inner.size_hint().exact() {
            Some(left) => self.received.saturating_add(left),
            None if self.received.saturating_add(SMALL) > self.room.max(SMALL) => {
                self.received.saturating_add(STEP)
            }
            None => self.room,
        };
        if needed <= SMALL {
            0
        } else {
            needed.min(self.bodies.budget_bytes)
        }
    }

    /// Waits for room for the next bytes; fails after [`PATIENCE`].
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let needed = self.needed();
        if needed <= self.room {
            return Poll::Ready(Ok(()));
        }
        let missing = needed.saturating_sub(self.room);
        let taking = self.taking_room.get_or_insert_with(|| {
            let units = u32::try_from(missing.div_ceil(UNIT)).unwrap_or(u32::MAX);
            let taken = self.bodies.budget.clone().acquire_many_owned(units);
            Box::pin(async move { tokio::time::timeout(PATIENCE, taken).await.ok()?.ok() })
        });
        let taken = ready!(taking.as_mut().poll(cx));
        self.taking_room = None;
        match taken {
            Some(permit) => {
                self.room = needed;
                self.progress.keep(permit);
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(self.progress.fail(BodyError::Busy))),
        }
    }

    /// Waits for bytes of the client; ready when they come too slowly.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        if self.waiting.is_none() {
            let Ok(place) = self.bodies.waiting.clone().try_acquire_owned() else {
                return Poll::Ready(BodyError::Busy);
            };
            self.waiting = Some(place);
            self.progress.waiting.store(true, Ordering::Relaxed);
        }
        self.pace.poll_too_slow(cx).map(|()| BodyError::Stalled)
    }

    fn stop_waiting(&mut self) {
        if self.waiting.take().is_some() {
            self.progress.waiting.store(false, Ordering::Relaxed);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.progress.error().is_some() {
            return Poll::Ready(None);
        }
        if let Err(error) = ready!(this.poll_room(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let error = ready!(this.poll_wait(cx));
                this.stop_waiting();
                return Poll::Ready(Some(Err(this.progress.fail(error))));
            }
        };
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            this.pace.moved(bytes);
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            this.received = this.received.saturating_add(bytes);
        }
        this.stop_waiting();
        if frame.is_none() || this.inner.is_end_stream() {
            this.progress.ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.stop_waiting();
        if !self.progress.has_ended() {
            self.activity.leave_unread();
        }
    }
}

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use s3s::{
    HttpError, S3Error, S3ErrorCode, S3Result,
    access::{S3Access, S3AccessContext},
};
use tower::{Layer, Service};

/// A fault of a request. It comes after the signature was checked
/// and before anything is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 500 `InternalError`.
    InternalError,
    /// 503 `SlowDown`.
    SlowDown,
    /// The connection is closed without an answer.
    Reset,
    /// The answer comes this much later, and is otherwise unchanged.
    Stall(Duration),
}

/// Makes a store fail on purpose and counts its requests, by S3 operation
/// (`PutObject`, `GetObject`, `HeadObject`, ...). Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: VecDeque<(Option<String>, Fault)>,
    always: Option<Fault>,
    counts: BTreeMap<String, u64>,
}

impl Faults {
    /// The next `times` requests get this fault.
    pub fn next(&self, times: usize, fault: Fault) {
        self.state()
            .next
            .extend(std::iter::repeat_n((None, fault), times));
    }

    /// The next `times` requests of one operation get this fault.
    pub fn next_of(&self, operation: &str, times: usize, fault: Fault) {
        self.state().next.extend(std::iter::repeat_n(
            (Some(operation.to_owned()), fault),
            times,
        ));
    }

    /// Every request gets this fault until [`Faults::clear`].
    pub fn always(&self, fault: Fault) {
        self.state().always = Some(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        let mut state = self.state();
        state.always = None;
        state.next.clear();
    }

    /// The number of requests of this operation, failed ones included.
    pub fn requests(&self, operation: &str) -> u64 {
        self.state().counts.get(operation).copied().unwrap_or(0)
    }

    /// The number of requests of each operation, failed ones included.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.state().counts.clone()
    }

    fn take(&self, operation: &str) -> Option<Fault> {
        let mut state = self.state();
        *state.counts.entry(operation.to_owned()).or_default() += 1;
        let position = state
            .next
            .iter()
            .position(|(only, _)| only.as_deref().is_none_or(|only| only == operation));
        position
            .and_then(|position| state.next.remove(position))
            .map(|(_, fault)| fault)
            .or(state.always)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl S3Access for Faults {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(S3Error::with_message(
                S3ErrorCode::AccessDenied,
                "Signature is required",
            ));
        }
        match self.take(context.s3_op().name()) {
            None => Ok(()),
            Some(Fault::InternalError) => Err(S3ErrorCode::InternalError.into()),
            Some(Fault::SlowDown) => Err(S3ErrorCode::SlowDown.into()),
            Some(Fault::Stall(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Fault::Reset) => {
                if let Some(reset) = context.extensions_mut().get::<Reset>() {
                    reset.0.store(true, Ordering::Relaxed);
                }
                Err(S3ErrorCode::InternalError.into())
            }
        }
    }
}

/// Set on a request whose connection is to be closed without an answer.
#[derive(Clone, Default)]
struct Reset(Arc<AtomicBool>);

/// Turns the answer to a [`Reset`] request into an error, on which the server
/// closes the connection.
#[derive(Clone)]
pub(super) struct ResetLayer;

impl<S> Layer<S> for ResetLayer {
    type Service = Resetting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Resetting(inner)
    }
}

#[derive(Clone)]
pub(super) struct Resetting<S>(S);

impl<S, Q, A> Service<http::Request<Q>> for Resetting<S>
where
    S: Service<http::Request<Q>, Response = A, Error = HttpError, Future: Send + 'static>,
    A: 'static,
{
    type Response = A;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<A, HttpError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Q>) -> Self::Future {
        let reset = Reset::default();
        request.extensions_mut().insert(reset.clone());
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if reset.0.load(Ordering::Relaxed) {
                return Err(HttpError::new("the connection is reset on purpose".into()));
            }
            Ok(answer)
        })
    }
}

//! Calls components, within limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use crate::bindings::redis_handler::RedisHandlerPre;
use crate::context::ComponentContext;
use crate::detachable::Detachable;
use crate::guest::Guest;
use crate::instances::{Idle, Instance, Instantiate, Reuse};
use crate::slots::{Busy, MemoryLimit, MemoryRefusal, Slots, TotalMemory};

/// The limits of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// How long a call may run, waiting included.
    pub time: Duration,
    /// How many bytes a linear memory may grow to.
    pub memory: usize,
}

/// A component that is ready to be called.
pub struct Prepared {
    /// Its HTTP handler, if it exports one.
    http: Option<Arc<Handler<ProxyPre<Guest>>>>,
    /// Its Redis handler, if it exports one.
    redis: Option<Handler<RedisHandlerPre<Guest>>>,
}

/// A handler that a component exports, and the instances that wait for calls of it.
struct Handler<P: Instantiate> {
    pre: P,
    /// The data that all instances of the component share.
    context: Arc<ComponentContext>,
    idle: Idle<P::Exports>,
}

impl Prepared {
    /// Finds the handlers that a component exports.
    pub fn new(pre: InstancePre<Guest>, context: ComponentContext, reuse: &Arc<Reuse>) -> Self {
        let context = Arc::new(context);
        let http = ProxyPre::new(pre.clone()).ok();
        let redis = RedisHandlerPre::new(pre).ok();
        Self {
            http: http.map(|pre| Arc::new(Handler::new(pre, &context, reuse))),
            redis: redis.map(|pre| Handler::new(pre, &context, reuse)),
        }
    }
}

impl<P: Instantiate> Handler<P> {
    fn new(pre: P, context: &Arc<ComponentContext>, reuse: &Arc<Reuse>) -> Self {
        Self {
            pre,
            context: context.clone(),
            idle: Idle::new(reuse.clone()),
        }
    }
}

/// The components of an application.
pub struct Runtime {
    /// Runs calls that do not end in their caller's task.
    handle: Handle,
    engine: Engine,
    limits: CallLimits,
    slots: Slots,
    reuse: Arc<Reuse>,
    components: BTreeMap<String, Prepared>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why a call has no answer. The reason has been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Other calls use all instances or memory: a later call may succeed.
    Busy,
    /// The guest failed.
    Failed,
}

impl Runtime {
    /// Makes components callable. Must be called on a runtime of tokio with several threads.
    pub fn new(
        engine: Engine,
        limits: CallLimits,
        slots: Slots,
        reuse: Arc<Reuse>,
        components: BTreeMap<String, Prepared>,
    ) -> Self {
        Self {
            handle: Handle::current(),
            engine,
            limits,
            slots,
            reuse,
            components,
        }
    }

    /// Ends instances that have waited for too long, as long as the runtime lives.
    pub async fn expire(runtime: Weak<Self>) {
        while let Some(runtime) = runtime.upgrade() {
            for prepared in runtime.components.values() {
                prepared.http.iter().for_each(|http| http.idle.expire());
                prepared.redis.iter().for_each(|redis| redis.idle.expire());
            }
            let timeout = runtime.reuse.timeout();
            drop(runtime);
            tokio::time::sleep(timeout / 2).await;
        }
    }

    /// Whether the component exists and has an HTTP handler.
    pub fn answers_http(&self, component: &str) -> bool {
        let prepared = self.components.get(component);
        prepared.is_some_and(|prepared| prepared.http.is_some())
    }

    /// Whether the component exists and has a Redis handler.
    pub fn handles_redis(&self, component: &str) -> bool {
        let prepared = self.components.get(component);
        prepared.is_some_and(|prepared| prepared.redis.is_some())
    }

    /// Waits until no HTTP call runs.
    pub async fn idle(&self) {
        self.slots.idle().await;
    }

    /// Calls a component's HTTP handler, when there is a place for one more instance.
    /// `kept` is dropped when the guest is done, which may be after its response has
    /// started. `depth` is the number of calls between components that led here.
    ///
    /// The guest runs in the caller's task until its response has started, since another task
    /// would have to be woken for it, and back. It goes on in a task of its own then, and
    /// before where it needs long or the caller has gone.
    ///
    /// # Errors
    /// No place became free, or the guest failed before its response. Later failures
    /// cut the response's body short.
    pub async fn call_http<B>(
        self: &Arc<Self>,
        component: &str,
        request: Request<B>,
        kept: impl Send + 'static,
        depth: u8,
    ) -> Result<Response<WasiBody>, CallError>
    where
        B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
    {
        let failed = |error: anyhow::Error| {
            tracing::error!(component, "{error:#}");
            CallError::Failed
        };
        let prepared = self.component(component).map_err(failed)?;
        let handler = prepared.http.clone();
        let handler = handler.context("the component doesn't export wasi:http/incoming-handler");
        let handler = handler.map_err(failed)?;
        let (place, slot) = self.slots.place().await.map_err(|Busy| {
            tracing::warn!(component, "a request was refused: {Busy}");
            CallError::Busy
        })?;
        let runtime = self.clone();
        let (sender, mut receiver) = oneshot::channel();
        let mut call = Detachable::new(self.handle.clone(), async move {
            let _kept = (place, kept);
            let mut instance = runtime.instance(&handler, Some(runtime.slots.memory()));
            let call = async {
                let (store, exports) = instance.begin(&handler.pre, Some(slot), depth).await?;
                let mut http = store.data_mut().http();
                let request = http.new_incoming_request(Scheme::Http, request)?;
                let response = http.new_response_outparam(sender)?;
                let exports = exports.wasi_http_incoming_handler();
                exports.call_handle(store, request, response).await
            };
            let result = within(runtime.limits.time, call).await;
            runtime.end(&handler, instance, result)
        });
        let mut ended = None;
        let answered = tokio::select! {
            biased;
            answered = &mut receiver => answered,
            result = &mut call => {
                ended = Some(result);
                receiver.await
            }
        };
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => {
                tracing::error!(component, "the component answered with an error: {code:?}");
                Err(CallError::Failed)
            }
            Err(_) => {
                let ended = match ended {
                    Some(result) => result,
                    None => call.await,
                };
                match ended {
                    Ok(Err(error)) => Err(error),
                    Ok(Ok(())) => {
                        tracing::error!(component, "the component returned without a response");
                        Err(CallError::Failed)
                    }
                    // The host ends, and a client may try again.
                    Err(ended) if ended.is_cancelled() => Err(CallError::Busy),
                    // The call panicked, which has been reported.
                    Err(_) => Err(CallError::Failed),
                }
            }
        }
    }

    /// Calls a component's Redis handler with a message. Failures are logged, as
    /// in Spin.
    ///
    /// # Errors
    /// The handler failed or returned an error.
    pub async fn call_redis(&self, component: &str, payload: &Vec<u8>) -> anyhow::Result<()> {
        let prepared = self.component(component)?;
        let handler = prepared.redis.as_ref();
        let handler = handler.context("the component doesn't export fermyon:spin/inbound-redis")?;
        // These calls need no place and no slot: they are as many as servers and
        // components, and clients must not keep queues from being worked on.
        let mut instance = self.instance(handler, None);
        let call = async {
            let (store, exports) = instance.begin(&handler.pre, None, 0).await?;
            let exports = exports.fermyon_spin_inbound_redis();
            exports.call_handle_message(store, payload).await
        };
        let result = within(self.limits.time, call).await;
        let result = self.end(handler, instance, result);
        if let Ok(Err(_)) = &result {
            tracing::error!(
                component,
                "the handler of a Redis message returned an error"
            );
        }
        match result {
            Ok(Ok(())) => Ok(()),
            _ => Err(anyhow!("the handler failed")),
        }
    }

    fn component(&self, name: &str) -> anyhow::Result<&Prepared> {
        self.components
            .get(name)
            .with_context(|| format!("no component `{name}`"))
    }

    /// An instance for a call: one that waits for it, or a new one. `total` is the budget that
    /// the memories of a new one come from.
    fn instance<P: Instantiate>(
        &self,
        handler: &Handler<P>,
        total: Option<Arc<TotalMemory>>,
    ) -> Instance<P::Exports> {
        handler.idle.take().unwrap_or_else(|| {
            let limit = MemoryLimit::new(self.limits.memory, total);
            let guest = Guest::new(handler.context.clone(), limit);
            let mut store = Store::new(&self.engine, guest);
            store.limiter(|guest| &mut guest.limit);
            store.epoch_deadline_async_yield_and_update(1);
            Instance::new(store)
        })
    }

    /// Ends the call of an instance. After a failure the instance ends with it.
    fn end<P: Instantiate, T>(
        &self,
        handler: &Handler<P>,
        instance: Instance<P::Exports>,
        result: anyhow::Result<T>,
    ) -> Result<T, CallError> {
        let name = &handler.context.name;
        let result = check(name, result, &instance.store, self.limits);
        if result.is_ok() {
            handler.idle.put(instance);
        }
        result
    }
}

/// Stops a call that takes too long. A busy guest yields at every tick of the
/// engine's epoch, and dropping the call ends it there.
async fn within<T>(
    time: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(time, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(anyhow!("it ran longer than {time:?} and was stopped")),
    }
}

/// Logs why a call failed, and returns whether a later call may succeed.
fn check<T>(
    component: &str,
    result: anyhow::Result<T>,
    store: &Store<Guest>,
    limits: CallLimits,
) -> Result<T, CallError> {
    result.map_err(|error| match store.data().limit.refused {
        Some(MemoryRefusal::Total) => {
            tracing::error!(
                component,
                "it was refused memory, for all instances together have as much as they may: {error:#}"
            );
            CallError::Busy
        }
        Some(MemoryRefusal::Own) => {
            let mib = limits.memory >> 20;
            tracing::error!(
                component,
                "it was refused memory beyond {mib} MiB: {error:#}"
            );
            CallError::Failed
        }
        None => {
            tracing::error!(component, "{error:#}");
            if error.is::<PoolConcurrencyLimitError>() {
                CallError::Busy
            } else {
                CallError::Failed
            }
        }
    })
}

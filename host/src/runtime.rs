//! Calls components: a new instance a call, within limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::bindings::redis_handler::RedisHandlerPre;
use crate::context::ComponentContext;
use crate::guest::Guest;

/// How many calls from outside run at once; more wait.
const SLOTS: u32 = 256;

/// How long a call waits for its place.
const SLOT_TIME: Duration = Duration::from_secs(5);

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a call may run, waiting included.
    pub time: Duration,
    /// How many bytes a linear memory may grow to.
    pub memory: usize,
}

/// A component that is ready to be called.
pub struct Prepared {
    /// What its instances share.
    pub context: Arc<ComponentContext>,
    /// Its HTTP handler, if it exports one.
    pub http: Option<ProxyPre<Guest>>,
    /// Its Redis handler, if it exports one.
    pub redis: Option<RedisHandlerPre<Guest>>,
}

impl Prepared {
    /// Finds the handlers that a component exports.
    pub fn new(pre: InstancePre<Guest>, context: ComponentContext) -> Self {
        Self {
            context: Arc::new(context),
            http: ProxyPre::new(pre.clone()).ok(),
            redis: RedisHandlerPre::new(pre).ok(),
        }
    }
}

/// The components of an application.
pub struct Runtime {
    engine: Engine,
    limits: Limits,
    components: BTreeMap<String, Prepared>,
    slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A place among the calls that run at once.
pub struct Slot(#[allow(dead_code)] OwnedSemaphorePermit);

impl Runtime {
    /// Makes components callable.
    pub fn new(engine: Engine, limits: Limits, components: BTreeMap<String, Prepared>) -> Self {
        Self {
            engine,
            limits,
            components,
            slots: Arc::new(Semaphore::new(SLOTS as usize)),
        }
    }

    /// Whether there is such a component and it has an HTTP handler.
    pub fn answers_http(&self, component: &str) -> bool {
        let prepared = self.components.get(component);
        prepared.is_some_and(|prepared| prepared.http.is_some())
    }

    /// Whether there is such a component and it has a Redis handler.
    pub fn handles_redis(&self, component: &str) -> bool {
        let prepared = self.components.get(component);
        prepared.is_some_and(|prepared| prepared.redis.is_some())
    }

    /// Waits for a place for a call from outside, but not for long.
    ///
    /// # Errors
    /// All places stay taken.
    pub async fn slot(&self) -> anyhow::Result<Slot> {
        let permit = self.slots.clone().acquire_owned();
        let permit = tokio::time::timeout(SLOT_TIME, permit).await;
        Ok(Slot(permit.context("too many requests at once")??))
    }

    /// Waits until no call is left.
    pub async fn idle(&self) {
        // It fails only when the semaphore is closed, which nobody does.
        let _ = self.slots.acquire_many(SLOTS).await;
    }

    /// Calls a component's HTTP handler. The slot, if the call is from outside, is
    /// held until the guest is done, which may be after its response has started.
    /// `depth` is how many components have called each other to come here.
    ///
    /// # Errors
    /// The guest failed before its response; that has been logged. Later failures
    /// cut the response's body short.
    pub async fn call_http(
        &self,
        component: &str,
        request: Request<WasiBody>,
        slot: Option<Slot>,
        depth: u8,
    ) -> anyhow::Result<Response<WasiBody>> {
        let prepared = self.component(component)?;
        let handler = prepared.http.clone();
        let handler = handler.context("the component doesn't export wasi:http/incoming-handler")?;
        let mut store = self.store(prepared, depth);
        let time = self.limits.time;
        let memory = self.limits.memory;
        let name = component.to_owned();
        let (sender, receiver) = oneshot::channel();
        let task = tokio::spawn(async move {
            let _slot = slot;
            let call = async {
                let instance = handler.instantiate_async(&mut store).await?;
                let request = store
                    .data_mut()
                    .http()
                    .new_incoming_request(Scheme::Http, request)?;
                let response = store.data_mut().http().new_response_outparam(sender)?;
                instance
                    .wasi_http_incoming_handler()
                    .call_handle(&mut store, request, response)
                    .await
            };
            let result = within(time, call).await;
            log_failure(&name, &result, &store, memory);
            result
        });
        match receiver.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => {
                tracing::error!(component, "the component answered with an error: {code:?}");
                Err(anyhow!("the component answered with an error"))
            }
            Err(_) => {
                if matches!(task.await, Ok(Ok(()))) {
                    tracing::error!(component, "the component returned without a response");
                }
                Err(anyhow!("the component gave no response"))
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
        // No slot: these calls are as many as there are servers and components, and
        // slow clients must not keep queues from being worked on.
        let mut store = self.store(prepared, 0);
        let call = async {
            let instance = handler.instantiate_async(&mut store).await?;
            instance
                .fermyon_spin_inbound_redis()
                .call_handle_message(&mut store, payload)
                .await
        };
        let result = within(self.limits.time, call).await;
        log_failure(component, &result, &store, self.limits.memory);
        if let Ok(Err(_)) = &result {
            tracing::error!(
                component,
                "the handler of a Redis message returned an error"
            );
        }
        result?.map_err(|_| anyhow!("the handler returned an error"))
    }

    fn component(&self, name: &str) -> anyhow::Result<&Prepared> {
        self.components
            .get(name)
            .with_context(|| format!("no component `{name}`"))
    }

    fn store(&self, prepared: &Prepared, depth: u8) -> Store<Guest> {
        let guest = Guest::new(prepared.context.clone(), self.limits.memory, depth);
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limit);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
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

fn log_failure<T>(
    component: &str,
    result: &anyhow::Result<T>,
    store: &Store<Guest>,
    memory_limit: usize,
) {
    if let Err(error) = result {
        if store.data().limit.reached {
            let mib = memory_limit >> 20;
            tracing::error!(
                component,
                "it was refused memory beyond {mib} MiB: {error:#}"
            );
        } else {
            tracing::error!(component, "{error:#}");
        }
    }
}

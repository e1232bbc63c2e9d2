//! Instances of components: those that work, and those that wait for their next call.
//!
//! An instance is used again for calls of its own component alone, one at a time and a
//! limited number of times. The host leaves the data in a guest's memory alone; it sees to it
//! that no handle outlives its call.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use crate::bindings::redis_handler::{RedisHandler, RedisHandlerPre};
use crate::engine::MAX_IDLE_INSTANCES;
use crate::guest::Guest;
use crate::limits::Limits;
use crate::slots::Slot;

/// A component whose imports are linked.
pub trait Instantiate {
    /// The exports of an instance.
    type Exports;

    /// Makes an instance in a store.
    fn instantiate(
        &self,
        store: &mut Store<Guest>,
    ) -> impl Future<Output = wasmtime::Result<Self::Exports>> + Send;
}

impl Instantiate for ProxyPre<Guest> {
    type Exports = Proxy;

    async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Proxy> {
        self.instantiate_async(store).await
    }
}

impl Instantiate for RedisHandlerPre<Guest> {
    type Exports = RedisHandler;

    async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<RedisHandler> {
        self.instantiate_async(store).await
    }
}

/// An instance, from before its first call to its last one.
pub struct Instance<E> {
    /// The wasmtime store.
    pub store: Store<Guest>,
    /// Its exports, once it is made.
    exports: Option<E>,
    /// How many calls it has had.
    calls: u32,
}

impl<E> Instance<E> {
    /// The place of an instance, which the first call makes.
    pub fn new(store: Store<Guest>) -> Self {
        Self {
            store,
            exports: None,
            calls: 0,
        }
    }

    /// Begins a call. `depth` is the number of calls between components that led to it.
    ///
    /// # Errors
    /// There is no memory for the instance, or a guest fails at its start.
    pub async fn begin(
        &mut self,
        pre: &impl Instantiate<Exports = E>,
        slot: Option<Slot>,
        depth: u8,
    ) -> wasmtime::Result<(&mut Store<Guest>, &E)> {
        self.store.data_mut().begin(slot, depth)?;
        self.store.set_epoch_deadline(1);
        let exports = match &mut self.exports {
            Some(exports) => exports,
            none => none.insert(pre.instantiate(&mut self.store).await?),
        };
        Ok((&mut self.store, exports))
    }
}

/// How instances of an application are used again.
#[derive(Debug)]
pub struct Reuse {
    max_calls: u32,
    timeout: Duration,
    idle: AtomicU32,
}

impl Reuse {
    /// The limits of an application, with no instance that waits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            max_calls: limits.max_instance_reuse_count,
            timeout: limits.idle_instance_timeout,
            idle: AtomicU32::new(0),
        }
    }

    /// How long an instance waits for its next call.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes one of the places of those that wait.
    fn enter(&self) -> bool {
        let one_more = |idle: u32| (idle < MAX_IDLE_INSTANCES).then_some(idle + 1);
        let entered = self
            .idle
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.is_ok()
    }
}

/// The instances of a component that wait, each with the time since it does; the last one
/// of them has waited for the shortest time.
pub struct Idle<E> {
    reuse: Arc<Reuse>,
    waiting: Mutex<Vec<(Instant, Instance<E>)>>,
}

impl<E> Idle<E> {
    /// No instance that waits.
    pub fn new(reuse: Arc<Reuse>) -> Self {
        Self {
            reuse,
            waiting: Mutex::default(),
        }
    }

    /// The instance that has waited for the shortest time: its memory is the likeliest to be
    /// in the processor's cache, and the others may end.
    pub fn take(&self) -> Option<Instance<E>> {
        let (_, instance) = self.waiting().pop()?;
        self.reuse.idle.fetch_sub(1, Ordering::Relaxed);
        Some(instance)
    }

    /// Ends a call that succeeded, and lets the instance wait for the next one if it may.
    pub fn put(&self, mut instance: Instance<E>) {
        instance.calls = instance.calls.saturating_add(1);
        let clean = instance.store.data_mut().end();
        if clean && instance.calls < self.reuse.max_calls && self.reuse.enter() {
            self.waiting().push((Instant::now(), instance));
        }
    }

    /// Ends the instances that have waited for too long.
    pub fn expire(&self) {
        let expired: Vec<_> = {
            let mut waiting = self.waiting();
            let since = |(since, _): &(Instant, _)| since.elapsed() >= self.reuse.timeout;
            let count = waiting.iter().take_while(|entry| since(entry)).count();
            waiting.drain(..count).collect()
        };
        let count = u32::try_from(expired.len()).unwrap_or(u32::MAX);
        self.reuse.idle.fetch_sub(count, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Instant, Instance<E>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

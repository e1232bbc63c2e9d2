//! Bounds on the HTTP instances of a host: how many are alive, how many of them
//! work, and how much memory they have.
//!
//! An instance has a [`Place`] as long as it lives, and a slot with it. The slot is
//! held while the guest runs or calls a store, and released while it waits
//! in `wasi:io`: for a timer, for bytes of its client, for an answer of
//! another server. So a waiting guest uses no slot that others need.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::ResourceLimiter;

use crate::engine::MAX_HTTP_INSTANCES;
use crate::limits::Limits;

/// The maximum time that a request waits for a place, a slot or memory.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The bounds that all HTTP instances of a host share.
#[derive(Debug)]
pub struct Slots {
    places: Arc<Semaphore>,
    max_places: u32,
    working: Arc<Semaphore>,
    memory: Arc<TotalMemory>,
}

/// The right of one HTTP instance to live.
#[derive(Debug)]
pub struct Place(#[allow(dead_code, reason = "dropping it gives it back")] OwnedSemaphorePermit);

/// The right of one instance to work, which it lends to others while it waits.
#[derive(Debug)]
pub struct Slot {
    working: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

/// No place or no slot was free for [`PATIENCE`].
#[derive(Debug, thiserror::Error)]
#[error("too many requests are in hand")]
pub struct Busy;

impl Slots {
    /// Bounds without any instance.
    pub fn new(limits: &Limits) -> Self {
        let max_places = limits.max_instances.clamp(1, MAX_HTTP_INSTANCES);
        let working = limits.max_working_instances.clamp(1, max_places);
        Self {
            places: Arc::new(Semaphore::new(max_places as usize)),
            max_places,
            working: Arc::new(Semaphore::new(working as usize)),
            memory: Arc::new(TotalMemory {
                bytes: limits.max_total_memory.saturating_mul(1 << 20),
                used: AtomicUsize::new(0),
            }),
        }
    }

    /// Waits for a place and its slot.
    ///
    /// # Errors
    /// None became free for [`PATIENCE`].
    pub async fn place(&self) -> Result<(Place, Slot), Busy> {
        let place = async {
            let place = self.places.clone().acquire_owned().await;
            let held = self.working.clone().acquire_owned().await;
            // The semaphores are never closed.
            Some((place.ok()?, held.ok()?))
        };
        let place = tokio::time::timeout(PATIENCE, place).await;
        let (place, held) = place.ok().flatten().ok_or(Busy)?;
        let slot = Slot {
            working: self.working.clone(),
            held: Some(held),
        };
        Ok((Place(place), slot))
    }

    /// Waits until no HTTP instance is alive.
    pub async fn idle(&self) {
        // Fails only when the semaphore is closed, which it never is.
        let _ = self.places.acquire_many(self.max_places).await;
    }

    /// The budget for the memories of all HTTP instances.
    pub fn memory(&self) -> Arc<TotalMemory> {
        self.memory.clone()
    }
}

impl Slot {
    /// Waits without the slot. Keeps the slot if the future is ready at once.
    pub async fn lend<T>(slot: &mut Option<Self>, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        if let std::task::Poll::Ready(done) = futures::poll!(wait.as_mut()) {
            return done;
        }
        let Some(slot) = slot else {
            return wait.await;
        };
        slot.held = None;
        let done = wait.await;
        slot.held = slot.working.clone().acquire_owned().await.ok();
        done
    }
}

/// The linear memories of all HTTP instances of a host together, in bytes.
#[derive(Debug)]
pub struct TotalMemory {
    bytes: usize,
    used: AtomicUsize,
}

/// Refuses growth of a linear memory past a limit. The guest sees its allocation
/// fail, as on a machine whose memory is full.
#[derive(Debug)]
pub struct MemoryLimit {
    bytes: usize,
    total: Option<Arc<TotalMemory>>,
    /// The size of the instance's memories.
    used: usize,
    /// The part of `total` that the instance has.
    drawn: usize,
    /// The limit that refused growth, if one did.
    pub refused: Option<MemoryRefusal>,
}

/// Why an instance was refused memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRefusal {
    /// The instance has as much as one instance may have.
    Own,
    /// All instances together have as much as they may have.
    Total,
}

impl MemoryLimit {
    /// Lets each memory of an instance grow to `bytes`, if `total` has room for them.
    pub fn new(bytes: usize, total: Option<Arc<TotalMemory>>) -> Self {
        Self {
            bytes,
            total,
            used: 0,
            drawn: 0,
            refused: None,
        }
    }

    /// The size of the instance's linear memories together, in bytes.
    pub fn bytes_used(&self) -> usize {
        self.used
    }

    /// Stops counting the memories of an instance that waits for its next call.
    pub fn give_back(&mut self) {
        if let Some(total) = &self.total {
            total.used.fetch_sub(self.drawn, Ordering::Relaxed);
            self.drawn = 0;
        }
    }

    /// Counts the memories of an instance again. Returns whether there is room for them.
    pub fn draw_again(&mut self) -> bool {
        let drawn = self.draw(self.used.saturating_sub(self.drawn));
        self.refused = (!drawn).then_some(MemoryRefusal::Total);
        drawn
    }

    fn draw(&mut self, bytes: usize) -> bool {
        let Some(total) = &self.total else {
            self.drawn = self.drawn.saturating_add(bytes);
            return true;
        };
        let used = |used: usize| used.checked_add(bytes).filter(|used| *used <= total.bytes);
        let drawn = total
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, used)
            .is_ok();
        if drawn {
            self.drawn = self.drawn.saturating_add(bytes);
        }
        drawn
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let refused = if desired > self.bytes {
            Some(MemoryRefusal::Own)
        } else if !self.draw(more) {
            Some(MemoryRefusal::Total)
        } else {
            self.used = self.used.saturating_add(more);
            None
        };
        self.refused = refused.or(self.refused);
        Ok(refused.is_none())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The pool bounds tables.
        Ok(true)
    }
}

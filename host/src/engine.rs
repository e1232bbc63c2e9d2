//! The wasmtime engine, one a process.

use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a busy guest lets other tasks run.
const TICK: Duration = Duration::from_millis(10);
/// How many instances may be alive in the process at once, those that wait included.
const INSTANCES: u32 = 1000 + MAX_IDLE_INSTANCES;
/// The maximum number of instances of a host that wait for their next call.
pub const MAX_IDLE_INSTANCES: u32 = 64;
/// The maximum number of HTTP instances; the rest is for messages of queues.
pub const MAX_HTTP_INSTANCES: u32 = 900;
/// The maximum size of one linear memory in any host of this process, in bytes.
/// A host's own limit is at most this.
pub const MAX_MEMORY: usize = 128 << 20;
/// How much of a linear memory stays with its place in the pool for the next guest.
/// A request of most components dirties less; giving the pages back to the kernel
/// and faulting them in again would cost more than the request itself. It is kept for up to
/// [`MAX_WARM_PLACES`] places, though no guest may ever need so many at once again.
const KEPT_MEMORY: usize = 1 << 20;
/// The same for a table: all of it.
const KEPT_TABLE: usize = 64 << 10;
/// The maximum number of free places in the pool that keep memory.
const MAX_WARM_PLACES: u32 = 64;

/// The engine of this process. All applications in the process share it: it holds
/// settings and reserves address space, and has no data of any application.
///
/// # Errors
/// The machine can't give the address space that the pools reserve.
pub fn engine() -> anyhow::Result<Engine> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    ENGINE
        .get_or_init(|| create().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow::anyhow!("the WebAssembly engine doesn't start: {error}"))
}

/// Whether this machine may swap. The kernel's scan does not report a dirty page that was
/// swapped out, so wasmtime 48 would leave its content to the next guest
/// (bytecodealliance/wasmtime#14357).
fn may_swap() -> bool {
    // The first line is a heading.
    std::fs::read_to_string("/proc/swaps").map_or(true, |swaps| swaps.lines().count() > 1)
}

fn create() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        // A component with two dependencies has about a dozen core instances, for
        // each module made for WASI 0.1 comes with its adapter.
        .total_core_instances(INSTANCES * 16)
        .total_memories(INSTANCES * 4)
        .total_tables(INSTANCES * 16)
        .total_stacks(INSTANCES)
        .max_memory_size(MAX_MEMORY)
        .max_unused_warm_slots(MAX_WARM_PLACES)
        .table_keep_resident(KEPT_TABLE);
    if PoolingAllocationConfig::is_pagemap_scan_available() && !may_swap() {
        // Linux 6.7 and later tell which pages are dirty, so only they are cleared.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_MEMORY);
    }
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let ticked = engine.weak();
    std::thread::Builder::new()
        .name("orilla-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = ticked.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(engine)
}

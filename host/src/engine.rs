//! The wasmtime engine, one a process.

use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a busy guest lets other tasks run.
const TICK: Duration = Duration::from_millis(10);
/// How many instances may be alive in the process at once.
const INSTANCES: u32 = 1000;
/// The most memory that any host of this process gives one linear memory, in bytes.
/// A host's own limit is at most this.
pub const MAX_MEMORY: usize = 128 << 20;

/// The engine of this process. All applications in the process share it: it holds
/// settings and reserves address space, and nothing of any application.
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

fn create() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * 4)
        .total_memories(INSTANCES * 2)
        .total_tables(INSTANCES * 4)
        .total_stacks(INSTANCES)
        .max_memory_size(MAX_MEMORY);
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

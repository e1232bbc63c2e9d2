//! The data of one instance of a component: its WASI context, its handles and limits.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::context::ComponentContext;
use crate::factors::outbound_http::OutboundHttp;
use crate::slots::{MemoryLimit, Slot};

/// The maximum number of handles of a kind in an instance.
pub const MAX_HANDLES: usize = 256;

/// The maximum size of the linear memories of an instance that is used again, in bytes. An
/// instance that needed more for one call must not keep it for those that need less.
const MAX_IDLE_MEMORY: usize = 8 << 20;

/// The data of a wasmtime store.
pub struct Guest {
    /// The guest's handles.
    pub table: ResourceTable,
    /// How many key-value stores it has open.
    pub open_stores: usize,
    /// How many Redis connections it has open.
    pub redis_connections: usize,
    /// Its memory limit.
    pub limit: MemoryLimit,
    /// Its right to work, if the instance is a counted one.
    pub slot: Option<Slot>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl Guest {
    /// Sets up a new instance.
    pub fn new(context: Arc<ComponentContext>, limit: MemoryLimit) -> Self {
        let wasi = WasiCtxBuilder::new()
            .envs(&context.environment)
            .stdout(context.logs.stdout.clone())
            .stderr(context.logs.stderr.clone())
            .build();
        Self {
            table: ResourceTable::new(),
            open_stores: 0,
            redis_connections: 0,
            limit,
            slot: None,
            wasi,
            http: WasiHttpCtx::new(),
            outbound: OutboundHttp::new(context),
        }
    }

    /// Prepares the instance for a call. `depth` is the number of calls between components
    /// that led to it.
    ///
    /// # Errors
    /// Other instances have the memory that it gave back while it waited.
    pub fn begin(&mut self, slot: Option<Slot>, depth: u8) -> wasmtime::Result<()> {
        self.slot = slot;
        self.outbound.depth = depth;
        let drawn = self.limit.draw_again();
        let error = || wasmtime::Error::msg("there is no memory for the call");
        drawn.then_some(()).ok_or_else(error)
    }

    /// Ends a call. Returns whether the instance may have another one: its memory is small,
    /// and it holds nothing of the call. The only handles that it may keep are those of its
    /// standard streams. The stream of a body is never left alone, for a body whose stream
    /// is open can't be dropped.
    pub fn end(&mut self) -> bool {
        self.slot = None;
        self.limit.give_back();
        let mut handles = self.table.iter_mut();
        self.limit.bytes_used() <= MAX_IDLE_MEMORY
            && handles.all(|handle| handle.is::<DynInputStream>() || handle.is::<DynOutputStream>())
    }

    /// The data that all instances of the component share.
    pub fn context(&self) -> &ComponentContext {
        self.outbound.context()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

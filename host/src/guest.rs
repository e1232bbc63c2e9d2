//! What one instance of a component has: its WASI context, its handles and limits.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::platform::Platform;
use crate::context::ComponentContext;
use crate::factors::outbound_http::OutboundHttp;

/// How many handles of a kind an instance may hold.
pub const MAX_HANDLES: usize = 256;

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
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl Guest {
    /// Sets up a new instance, whose memories may grow to so many bytes each, and
    /// which so many components have called each other to come to.
    pub fn new(context: Arc<ComponentContext>, memory_limit: usize, depth: u8) -> Self {
        let wasi = WasiCtxBuilder::new()
            .envs(&context.environment)
            .stdout(context.logs.stdout.clone())
            .stderr(context.logs.stderr.clone())
            .build();
        Self {
            table: ResourceTable::new(),
            open_stores: 0,
            redis_connections: 0,
            limit: MemoryLimit {
                bytes: memory_limit,
                reached: false,
            },
            wasi,
            http: WasiHttpCtx::new(),
            outbound: OutboundHttp::new(context, depth),
        }
    }

    /// What all instances of the component share.
    pub fn context(&self) -> &ComponentContext {
        self.outbound.context()
    }
}

/// Gives linkers everything that this host offers to components.
///
/// # Errors
/// An interface is offered twice, which no input can cause.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    Platform::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
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

/// Refuses growth of a linear memory past a limit. The guest sees its allocation
/// fail, as on a machine whose memory is full.
#[derive(Debug)]
pub struct MemoryLimit {
    bytes: usize,
    /// Whether growth was refused.
    pub reached: bool,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.bytes;
        self.reached |= !fits;
        Ok(fits)
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

//! The data of one instance of a component: its WASI context, its handles and limits.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::context::ComponentContext;
use crate::factors::outbound_http::OutboundHttp;
use crate::slots::{MemoryLimit, Slot};

/// The maximum number of handles of a kind in an instance.
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
    /// Its right to work, if the instance is a counted one.
    pub slot: Option<Slot>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl Guest {
    /// Sets up a new instance. `depth` is the number of calls between components that
    /// led to it.
    pub fn new(
        context: Arc<ComponentContext>,
        limit: MemoryLimit,
        slot: Option<Slot>,
        depth: u8,
    ) -> Self {
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
            slot,
            wasi,
            http: WasiHttpCtx::new(),
            outbound: OutboundHttp::new(context, depth),
        }
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

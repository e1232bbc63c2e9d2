//! The interfaces that this host offers to components.

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::io::poll::{Host as _, HostPollable as _};
use wasmtime_wasi::p2::bindings::io::streams::{
    self, Host as _, HostInputStream as _, HostOutputStream as _,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError};

use crate::bindings::platform::Platform;
use crate::guest::Guest;
use crate::slots::Slot;

/// The version of `wasi:io` that wasmtime-wasi defines, and whose functions are
/// replaced here.
const WASI_IO: &str = "0.2.12";

/// Gives linkers everything that this host offers to components.
///
/// # Errors
/// An interface is offered twice, which no input can cause.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    lend_slots(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    Platform::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// Replaces the functions of `wasi:io` in which a guest waits: the new ones lend its
/// slot to others meanwhile.
///
/// # Errors
/// The linker has no `wasi:io`.
fn lend_slots(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut poll = linker.instance(&format!("wasi:io/poll@{WASI_IO}"))?;
    poll.func_wrap_async(
        "poll",
        |mut store, (list,): (Vec<Resource<DynPollable>>,)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                Ok((Slot::lend(slot, table.poll(list)).await?,))
            })
        },
    )?;
    poll.func_wrap_async(
        "[method]pollable.block",
        |mut store, (pollable,): (Resource<DynPollable>,)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                Slot::lend(slot, table.block(pollable)).await
            })
        },
    )?;
    let mut streams = linker.instance(&format!("wasi:io/streams@{WASI_IO}"))?;
    streams.func_wrap_async(
        "[method]input-stream.blocking-read",
        |mut store, (from, length): (Resource<DynInputStream>, u64)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                let read = Slot::lend(slot, table.blocking_read(from, length)).await;
                Ok((result(table, read)?,))
            })
        },
    )?;
    streams.func_wrap_async(
        "[method]output-stream.blocking-write-and-flush",
        |mut store, (to, bytes): (Resource<DynOutputStream>, Vec<u8>)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                let write = table.blocking_write_and_flush(to, bytes);
                let written = Slot::lend(slot, write).await;
                Ok((result(table, written)?,))
            })
        },
    )?;
    streams.func_wrap_async(
        "[method]output-stream.blocking-flush",
        |mut store, (to,): (Resource<DynOutputStream>,)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                let flushed = Slot::lend(slot, table.blocking_flush(to)).await;
                Ok((result(table, flushed)?,))
            })
        },
    )?;
    streams.func_wrap_async(
        "[method]output-stream.blocking-splice",
        |mut store, arguments: (Resource<DynOutputStream>, Resource<DynInputStream>, u64)| {
            Box::new(async move {
                let Guest { table, slot, .. } = store.data_mut();
                let (to, from, length) = arguments;
                let spliced = Slot::lend(slot, table.blocking_splice(to, from, length)).await;
                Ok((result(table, spliced)?,))
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The result of a call on a stream, as a guest gets it.
fn result<T>(
    table: &mut ResourceTable,
    result: Result<T, StreamError>,
) -> wasmtime::Result<Result<T, streams::StreamError>> {
    Ok(match result {
        Ok(value) => Ok(value),
        Err(error) => Err(table.convert_stream_error(error)?),
    })
}

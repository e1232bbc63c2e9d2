//! Turns core wasm modules for WASI preview 1 into components.

use anyhow::Context;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// Returns a component as it is and wraps a module in the adapter for
/// preview 1: the one for commands when the module exports `_start`, else the
/// one for libraries.
///
/// # Errors
/// The bytes are no wasm, or the module doesn't say which interfaces it has.
pub fn componentize(wasm: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let Some(adapter) = adapter(&wasm)? else {
        return Ok(wasm);
    };
    let encode = || {
        ComponentEncoder::default()
            .validate(true)
            .module(&wasm)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
            .encode()
    };
    encode().context("the module can't be made a component")
}

/// The adapter that a module needs; a component needs none.
fn adapter(wasm: &[u8]) -> anyhow::Result<Option<&'static [u8]>> {
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.context("not wasm")? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Ok(None),
            Payload::ExportSection(exports) => {
                for export in exports {
                    if export?.name == "_start" {
                        return Ok(Some(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER));
                    }
                }
                break;
            }
            _ => {}
        }
    }
    Ok(Some(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER))
}

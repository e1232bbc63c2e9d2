//! The description of the API: `GET /openapi.json`.
//!
//! The document is made at build time from the files in `openapi/` (see `build.rs`). The
//! end-to-end tests compare it with the routes of the manifest and with every answer that
//! they get.

#[cfg(target_family = "wasm")]
mod component;

/// The OpenAPI document, as JSON.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

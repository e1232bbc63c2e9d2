//! How much memory the component starts with.

use std::env;

/// Claims that are nested as deeply as serde_json reads take half of it.
const STACK_BYTES: u32 = 64 * 1024;

/// A common token takes 4 KiB with HS256 and 20 KiB with RS256; odd ones have it grow.
const HEAP_BYTES: u32 = 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        // A host goes through the memory of each request's instance.
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
        println!("cargo::rustc-link-arg-cdylib=--initial-heap={HEAP_BYTES}");
    }
}

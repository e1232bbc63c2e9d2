//! What the standard library wants of WASI preview 1 when it panics or aborts.
//!
//! A module that imports it is made a component with an adapter, a module of its
//! own that each request has to instantiate too. Functions with the names that
//! wasi-libc calls take the place of the imports. Nothing calls them but what is
//! about to end in a trap, so each of them is one, and what a panic would have
//! said is not told.
#![allow(unsafe_code)]

use core::arch::wasm32::unreachable;

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_: i32, _: i32) -> i32 {
    unreachable()
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(_: i32, _: i32) -> i32 {
    unreachable()
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_write(_: i32, _: i32, _: i32, _: i32) -> i32 {
    unreachable()
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(_: i32) -> ! {
    unreachable()
}

//! WASI preview 1, as far as the standard library calls it for a panic's words.
//!
//! A module that imports it is made a component with an adapter, a module of its
//! own that each request has to instantiate too. Functions with the names that
//! wasi-libc calls take the place of the imports. Each answers as WASI says, by
//! preview 2: there is an error output, there are no environment variables (the authorizer is
//! configured by Spin's variables), and a program may exit.
#![allow(unsafe_code)]

use std::slice;

use wasi::cli::{exit::exit, stderr::get_stderr};

const SUCCESS: i32 = 0;
/// `errno::badf`: no file is open under this number.
const BAD_FILE: i32 = 8;
/// `errno::io`
const IO_ERROR: i32 = 29;

const STDERR: i32 = 2;

/// How many bytes `blocking-write-and-flush` takes at once.
const MAX_WRITE: usize = 4096;

/// The `ciovec` of WASI preview 1.
#[repr(C)]
struct Part {
    bytes: *const u8,
    length: usize,
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_: *mut *mut u8, _: *mut u8) -> i32 {
    SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(
    count: *mut usize,
    bytes: *mut usize,
) -> i32 {
    // SAFETY: both are where the caller wants the answers, as WASI says.
    unsafe {
        count.write(0);
        bytes.write(0);
    }
    SUCCESS
}

/// Allocates nothing: the panic may be one for lack of memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn __imported_wasi_snapshot_preview1_fd_write(
    file: i32,
    parts: *const Part,
    count: usize,
    written: *mut usize,
) -> i32 {
    if file != STDERR {
        return BAD_FILE;
    }
    let stderr = get_stderr();
    let mut total = 0;
    for index in 0..count {
        // SAFETY: the caller has so many parts, and bytes in each, as WASI says.
        let bytes = unsafe {
            let part = &*parts.add(index);
            slice::from_raw_parts(part.bytes, part.length)
        };
        for chunk in bytes.chunks(MAX_WRITE) {
            if stderr.blocking_write_and_flush(chunk).is_err() {
                return IO_ERROR;
            }
        }
        total += bytes.len();
    }
    // SAFETY: it is where the caller wants the answer, as WASI says.
    unsafe { written.write(total) };
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(code: i32) -> ! {
    exit(if code == 0 { Ok(()) } else { Err(()) });
    unreachable!("the host does not go on after an exit")
}

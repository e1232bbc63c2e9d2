//! `orilla`: runs a Spin application where no Spin is installed.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives free memory back to the system at once, unless `MIMALLOC_PURGE_DELAY` sets a delay.
/// By default mimalloc waits for a second, and then for the next page that becomes free: it
/// would keep the memory that a start or a large job needed.
#[allow(
    unsafe_code,
    reason = "the options of mimalloc are set by a function of C"
)]
fn purge_at_once() {
    // `mi_option_purge_delay` of mimalloc.h, which the crate does not name.
    const PURGE_DELAY: mi_option_t = 15;
    // SAFETY: the function checks the number of the option and stores a number.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) };
}

fn main() -> ExitCode {
    purge_at_once();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,orilla=info,wasmtime_wasi_http=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let command = orilla::Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(command.run());
    let code = result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS);
    // A component that is still being compiled must not delay the exit.
    runtime.shutdown_background();
    code
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("orilla: {error:#}");
    ExitCode::FAILURE
}

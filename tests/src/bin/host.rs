//! The embedded host, for tests that kill it.

use std::io;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The host ends with the test that started it, also after a kill: then this pipe closes.
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    });
    orilla::Cli::parse().run().await
}

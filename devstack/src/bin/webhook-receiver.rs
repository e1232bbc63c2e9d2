//! An example of a receiver of notifications: prints each verified event as a line
//! of JSON, once, and on standard error what it refuses.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
};

use clap::Parser;
use devstack::{Result, WebhookReceiver};
use tracing_subscriber::EnvFilter;

/// Prints the notifications that Orilla sends, after verifying them
#[derive(Parser)]
#[command(name = "webhook-receiver", version)]
struct Cli {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The secret that notifications are signed with: `whsec_` and base64
    #[arg(long, env = "NOTIFICATION_SECRET", hide_env_values = true)]
    secret: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webhook-receiver: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until standard output is closed, or until Ctrl-C.
async fn run(cli: Cli) -> Result<()> {
    let receiver = WebhookReceiver::listen(cli.listen, &cli.secret).await?;
    eprintln!("waiting for notifications at {}", receiver.url());
    let mut printed = 0;
    loop {
        let received = receiver.received_beyond(printed).await;
        for event in received.iter().skip(printed) {
            if writeln!(io::stdout(), "{}", event.body).is_err() {
                return Ok(());
            }
        }
        printed = received.len();
    }
}

//! The demo: starts Redis, an S3 store, a receiver of notifications and the
//! application on free ports, and drives real photos, a job, an order, purchases and a
//! run of Databricks (of a double) through them over HTTP, as a client outside would. It
//! fails at any difference from the expected results.

mod checks;
mod images;
mod ipp;
mod jobs;
mod orders;
mod purchases;
mod shared;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use devstack::{Error, Stack, StackOptions, WebhookReceiver, client::Client, webhooks::SECRET};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use checks::{Checks, say};

/// Drives real photos, a job, an order and purchases through the whole application and checks what
/// comes out
#[derive(Parser)]
#[command(name = "demo", version)]
struct Cli {
    /// A new or empty folder in which data and logs are kept [default: a
    /// temporary one that is removed at the end]
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    run(&Cli::parse()).await.unwrap_or_else(|error| {
        eprintln!("demo: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(cli: &Cli) -> Result<ExitCode> {
    // Listens before the start, so that a signal during it is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let signaled = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        say("\ndemo: interrupted");
        Ok(ExitCode::from(130))
    };
    tokio::pin!(signaled);

    let started = Instant::now();
    // Dropped last: the users of the folder are stopped before it goes.
    let temporary = temporary_folder(cli)?;
    let folder = temporary.as_ref().map(TempDir::path);
    let folder = folder.or(cli.data_dir.as_deref()).context("no folder")?;
    let receiver = WebhookReceiver::start(SECRET).await?;
    say("Starting Redis, an S3 store and the application (the first start also compiles it)");
    let stack = tokio::select! {
        stack = start(folder, &receiver) => stack?,
        code = &mut signaled => return code,
    };
    let (url, seconds) = (stack.base_url(), started.elapsed().as_secs_f64());
    say(format_args!("Ready at {url} after {seconds:.1} s"));
    say(format_args!("  {url}/docs\n  {url}/console"));
    let code = tokio::select! {
        checks = chapters(&stack, &receiver) => checks.map(|checks| {
            let passed = checks.summarize(started.elapsed());
            if !passed && temporary.is_some() {
                say("demo: `--data-dir DIR` keeps the data and the logs");
            }
            ExitCode::from(u8::from(!passed))
        }),
        code = &mut signaled => code,
    };
    stack.shutdown().await;
    code
}

async fn start(data_dir: &Path, receiver: &WebhookReceiver) -> Result<Stack> {
    let mut options = StackOptions::new("spin.toml", data_dir);
    let variables = [
        ("notification_hosts", "http://127.0.0.1:*"),
        ("notification_urls", &receiver.url()),
        ("notification_secret", SECRET),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    options.variables = variables.map(owned).into();
    match Stack::start(options).await {
        // The error advises to use another Redis, but the story starts with an empty one.
        Err(Error::RedisMissing { program }) => bail!(
            "`{program}` was not found; install Redis (Debian, Ubuntu: `apt-get install \
             redis-server`; macOS: `brew install redis`)"
        ),
        // The message of the error includes its sources.
        started => started.map_err(|error| anyhow!("{error}")),
    }
}

/// The whole story.
async fn chapters(stack: &Stack, receiver: &WebhookReceiver) -> Result<Checks> {
    let checks = Checks::default();
    let client = &Client::new(stack.base_url(), stack.jwt_secret())?;
    checks.told("images", images::tell(client, &checks).await);
    checks.told("jobs", jobs::tell(client, &checks).await);
    let orders = orders::tell(client, receiver, &checks).await;
    checks.told("orders", orders);
    let purchases = purchases::tell(client, stack, &checks).await;
    checks.told("purchases", purchases);
    checks.told("ipp", ipp::tell(client, stack, &checks).await);
    Ok(checks)
}

/// The folder of the data, unless the user names one, which has to be empty.
fn temporary_folder(cli: &Cli) -> Result<Option<TempDir>> {
    let Some(path) = &cli.data_dir else {
        let folder = tempfile::Builder::new().prefix("orilla-demo-").tempdir();
        return Ok(Some(folder.context("no temporary folder")?));
    };
    let at = || path.display().to_string();
    std::fs::create_dir_all(path).with_context(at)?;
    ensure!(
        path.read_dir().with_context(at)?.next().is_none(),
        "{} is not empty; the demo starts from nothing, so choose another folder",
        path.display()
    );
    Ok(None)
}

//! The demo: starts Redis, an S3 store, a receiver of notifications and the
//! application on free ports, and drives real photos, a job, an order, purchases and a
//! run of Databricks (of a double) through them over HTTP, as a client outside would. It fails at any difference from
//! the expected results.

mod checks;
mod images;
mod ipp;
mod jobs;
mod orders;
mod purchases;
mod searches;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use devstack::{
    Error, Stack, StackOptions,
    client::{Client, Photo},
};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use checks::{Checks, say};
use orders::Listener;

/// The owner of the photos, jobs, orders and purchases.
const USER: &str = "456";

/// Another user.
const OTHER: &str = "7";

/// Drives real photos, a job, an order and purchases through the whole application and checks what
/// comes out
#[derive(Parser)]
#[command(name = "demo", version)]
struct Cli {
    /// The application's manifest
    #[arg(short, long, default_value = "spin.toml")]
    file: PathBuf,
    /// The folder of the photos
    #[arg(long, default_value = "data/photos")]
    photos: PathBuf,
    /// The job to submit
    #[arg(long, default_value = "data/test_request.json")]
    job: PathBuf,
    /// The order to take through its states, from `received` on
    #[arg(long, default_value = "data/sample_order.json")]
    order: PathBuf,
    /// A new or empty folder in which data and logs are kept [default: a
    /// temporary one that is removed at the end]
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// The result of a demo that could be started.
enum End {
    Complete(Checks),
    Interrupted,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let started = Instant::now();
    match run(&cli).await {
        Ok(End::Complete(checks)) => {
            let passed = checks.summarize(started.elapsed());
            if !passed && cli.data_dir.is_none() {
                say("demo: `--data-dir DIR` keeps the data and the logs");
            }
            ExitCode::from(u8::from(!passed))
        }
        Ok(End::Interrupted) => {
            say("\ndemo: interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<End> {
    // Listens before the start, so that a signal during it is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let signaled = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(signaled);

    let photos = Photo::all(&cli.photos)?;
    // Dropped last: the users of the folder are stopped before it goes.
    let folder = Folder::open(cli.data_dir.as_deref())?;
    say("Starting Redis, an S3 store and the application (the first start also compiles it)");
    let starting = Instant::now();
    let listener = Listener::start().await?;
    let stack = tokio::select! {
        stack = start(&cli.file, folder.path(), &listener) => stack?,
        () = &mut signaled => return Ok(End::Interrupted),
    };
    say(format_args!(
        "Ready at {} after {:.1} s",
        stack.base_url(),
        starting.elapsed().as_secs_f64()
    ));
    for page in ["docs", "console"] {
        say(format_args!("  {}/{page}", stack.base_url()));
    }

    let mut checks = Checks::default();
    let interrupted = tokio::select! {
        () = chapters(&stack, &listener, photos, cli, &mut checks) => false,
        () = &mut signaled => true,
    };
    stack.shutdown().await;
    folder.close()?;
    Ok(if interrupted {
        End::Interrupted
    } else {
        End::Complete(checks)
    })
}

async fn start(manifest: &Path, data_dir: &Path, listener: &Listener) -> Result<Stack> {
    let mut options = StackOptions::new(manifest, data_dir);
    options.variables = listener.variables();
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

/// The whole story. A chapter that cannot go on is a failed check.
async fn chapters(
    stack: &Stack,
    listener: &Listener,
    photos: Vec<Photo>,
    cli: &Cli,
    checks: &mut Checks,
) {
    let client = match Client::new(stack.base_url(), stack.jwt_secret()) {
        Ok(client) => client,
        Err(error) => return checks.add("a client", Err(error)),
    };
    if let Err(error) = images::tell(&client, photos, checks).await {
        checks.add("images", Err(error));
    }
    if let Err(error) = jobs::tell(&client, &cli.job, checks).await {
        checks.add("jobs", Err(error));
    }
    if let Err(error) = orders::tell(&client, listener, &cli.order, checks).await {
        checks.add("orders", Err(error));
    }
    if let Err(error) = purchases::tell(&client, stack, checks).await {
        checks.add("purchases", Err(error));
    }
    if let Err(error) = ipp::tell(&client, stack, checks).await {
        checks.add("ipp", Err(error));
    }
}

/// The place of the data: a folder of the user's, or a temporary one.
enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    fn open(kept: Option<&Path>) -> Result<Self> {
        let Some(path) = kept else {
            let folder = tempfile::Builder::new().prefix("orilla-demo-").tempdir();
            return Ok(Self::Temporary(folder.context("no temporary folder")?));
        };
        std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        let mut entries = path
            .read_dir()
            .with_context(|| path.display().to_string())?;
        ensure!(
            entries.next().is_none(),
            "{} is not empty; the demo starts from nothing, so choose another folder",
            path.display()
        );
        Ok(Self::Kept(path.to_path_buf()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    fn close(self) -> Result<()> {
        match self {
            Self::Kept(_) => Ok(()),
            Self::Temporary(folder) => folder.close().context("the temporary folder stays"),
        }
    }
}

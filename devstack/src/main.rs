//! The command `devstack`: starts and stops the application and all that it needs
//! together.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use devstack::{Error, Result, Secrets, Stack, StackOptions, tenant_token, token};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts Redis, an S3 store and the application, and stops them on Ctrl-C
    Up(Up),
    /// Prints a JWT that the application accepts
    Token(Token),
}

#[derive(Args)]
struct Up {
    /// The application's manifest
    #[arg(short, long, default_value = "spin.toml")]
    file: PathBuf,
    /// Where the application listens
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where the S3 store listens
    #[arg(long, default_value = "127.0.0.1:9000")]
    s3_listen: SocketAddr,
    /// Where data, logs and secrets are kept
    #[arg(long, default_value = ".orilla")]
    data_dir: PathBuf,
    /// A running Redis to use instead of starting one
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// A variable of the application
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// A runtime-config.toml
    #[arg(long)]
    runtime_config_file: Option<PathBuf>,
    /// Print only the addresses, and not the output of components
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Args)]
struct Token {
    /// The user of the token: the claim `sub`
    #[arg(long)]
    subject: String,
    /// The tenant that they belong to: the claim `tenant_id`
    #[arg(long)]
    tenant: Option<String>,
    /// A role to give, such as `ops`; may be repeated
    #[arg(long)]
    role: Vec<String>,
    /// How long it is valid, in seconds
    #[arg(long, default_value_t = 24 * 60 * 60)]
    expires_in: u32,
    /// The data folder of the stack
    #[arg(long, default_value = ".orilla")]
    data_dir: PathBuf,
}

fn variable(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be NAME=VALUE".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env()
        // s3s reports clients' mistakes as errors; the clients get them as answers.
        .unwrap_or_else(|_| EnvFilter::new("warn,devstack=info,orilla=info,s3s::ops=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let done = match cli.command {
        Command::Up(up) => up.run().await,
        Command::Token(token) => token.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("devstack: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Up {
    async fn run(self) -> Result<()> {
        // Listens before the start, so that a signal during it is not lost.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
        let signaled = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::pin!(signaled);

        let options = StackOptions {
            listen: self.listen,
            s3_listen: self.s3_listen,
            variables: BTreeMap::from_iter(self.variable),
            redis_url: self.redis_url.filter(|url| !url.is_empty()),
            runtime_config_file: self.runtime_config_file,
            quiet: self.quiet,
            ..StackOptions::new(self.file, self.data_dir)
        };
        let stack = tokio::select! {
            stack = Stack::start(options) => stack?,
            () = &mut signaled => return Ok(()),
        };
        // Ignores the error: the stack runs even if its output has no reader.
        let _ = print(&stack);
        signaled.await;
        stack.shutdown().await;
        Ok(())
    }
}

fn print(stack: &Stack) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out)?;
    writeln!(out, "Application  {}", stack.base_url())?;
    writeln!(out, "S3           {}", stack.s3().url())?;
    writeln!(
        out,
        "Redis        {}://{}",
        stack.redis().scheme(),
        stack.redis().host()
    )?;
    writeln!(out, "Data         {}", stack.data_dir().display())?;
    writeln!(
        out,
        "Secrets      {}",
        stack.data_dir().join("secrets.json").display()
    )?;
    writeln!(out, "Logs         {}", stack.log_dir().display())?;
    if let Some(log) = stack.redis().log_file() {
        writeln!(out, "             {}", log.display())?;
    }
    if let Ok(token) = stack.token(EXAMPLE_USER, &[]) {
        write!(out, "{}", examples(&stack.base_url(), &token))?;
    }
    writeln!(out, "\nCtrl-C stops everything; the data stay.")?;
    out.flush()
}

/// The user of the examples.
const EXAMPLE_USER: &str = "456";

/// Lines to paste into another terminal.
fn examples(url: &str, token: &str) -> String {
    format!(
        r#"
Try it (a token of user {EXAMPLE_USER}, good for an hour):

  TOKEN={token}
  PHOTO=data/photos/coffee.jpg
  HASH=$(sha256sum $PHOTO | cut -d' ' -f1)

  curl -s {url}/receiver -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{{"image_hash": "'$HASH'", "content_type": "image/jpeg", "user_id": {EXAMPLE_USER}, "post_id": 123,
         "picture_id": 789, "post": {{"trip_id": 3, "location_id": 5, "content": "Coffee"}}}}'
  curl -T $PHOTO -H 'Content-Type: image/jpeg' '<upload_url of the answer>'

  curl -s {url}/images/{EXAMPLE_USER}-$HASH.jpg -H "Authorization: Bearer $TOKEN"
  curl -s "{url}/scan?label=espresso%3E80" -H "Authorization: Bearer $TOKEN"
  curl -sL {url}/obtain/{EXAMPLE_USER}-$HASH.jpg -H "Authorization: Bearer $TOKEN" -o photo.jpg
"#
    )
}

impl Token {
    fn run(self) -> Result<()> {
        let secrets = Secrets::read(&self.data_dir)?;
        let roles: Vec<_> = self.role.iter().map(String::as_str).collect();
        let valid_for = Duration::from_secs(self.expires_in.into());
        let (secret, subject) = (&secrets.jwt_secret, &self.subject);
        let token = match &self.tenant {
            Some(tenant) => tenant_token(secret, subject, tenant, &roles, valid_for)?,
            None => token(secret, subject, &roles, valid_for)?,
        };
        println!("{token}");
        Ok(())
    }
}

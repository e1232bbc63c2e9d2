//! The command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Options, start};
use crate::factors::key_value::KeyValueFault;
use crate::limits::Limits;

/// Runs a Spin application where no Spin is installed.
#[derive(Debug, Parser)]
#[command(name = "orilla", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the application of a manifest and serves it until told to stop.
    Up(Up),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// The manifest, or the folder that its spin.toml is in.
    #[arg(
        short = 'f',
        long = "from",
        alias = "file",
        value_name = "FILE",
        default_value = "spin.toml"
    )]
    from: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(
        long,
        env = "SPIN_HTTP_LISTEN_ADDR",
        value_name = "ADDR",
        default_value = "127.0.0.1:3000"
    )]
    listen: SocketAddr,
    /// The operator's settings, such as where key-value stores live.
    #[arg(long, env = "RUNTIME_CONFIG_FILE", value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Where stores and logs are kept [default: .spin beside the manifest].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where compiled components are kept [default: .orilla/cache beside the manifest].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// The value of a variable. It comes before SPIN_VARIABLE_<NAME>.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = parse_variable)]
    variables: Vec<(String, String)>,
    /// Prints neither routes nor the output of components, which is in the logs.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    limits: Limits,
    /// For tests of an application with a key-value store that fails:
    /// `exit-before-set:KEY` kills this process right before it sets the key,
    /// `fail-set:KEY` answers an error. A * at the end of KEY stands for any end.
    #[arg(
        long = "key-value-fault",
        value_name = "FAULT",
        hide_short_help = true,
        help_heading = "For tests"
    )]
    key_value_faults: Vec<KeyValueFault>,
    /// For tests of an application on a host that is less forgiving, as Spin:
    /// this one subscribes to Redis half a second after it serves, and exits when
    /// Redis can't be reached or a subscription's connection is lost.
    #[arg(long, hide_short_help = true, help_heading = "For tests")]
    like_spin: bool,
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as NAME=VALUE".to_owned())
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// The application doesn't start, or didn't finish its work when told to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let Command::Up(up) = self.command;
        // Before the start, so that no signal is lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut app = tokio::select! {
            app = start(up.options()) => app?,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            reason = app.lost() => anyhow::bail!(reason),
        }
        tracing::info!("stopping: finishing requests and messages in hand");
        let finished = tokio::select! {
            finished = app.shutdown() => finished,
            // A second interrupt ends the wait.
            _ = interrupt.recv() => false,
        };
        finished
            .then_some(())
            .context("stopped before all requests and messages in hand were finished")
    }
}

impl Up {
    fn options(self) -> Options {
        let manifest = if self.from.is_dir() {
            self.from.join("spin.toml")
        } else {
            self.from
        };
        let mut options = Options::new(manifest);
        options.listen = self.listen;
        options.runtime_config_file = self.runtime_config_file;
        options.variables = BTreeMap::from_iter(self.variables);
        options.quiet = self.quiet;
        options.limits = self.limits;
        options.cache_dir = self.cache_dir;
        options.key_value_faults = self.key_value_faults;
        options.like_spin = self.like_spin;
        if let Some(folder) = self.state_dir {
            options.state_dir = folder;
        }
        options
    }
}

//! The embedded host in a process of its own, so that its memory and time
//! are apart from those of the benchmark.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use devstack::client::Call;
use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::client::Connection;

/// The max time of a start or an end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process of `orilla up`. Dropping it kills it.
pub struct Host {
    child: Child,
    /// Its process id.
    pub pid: i32,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The time until its first answer.
    pub start_up: Duration,
}

impl Host {
    /// Starts the program that the environment variable `ORILLA` names, or else the one that was
    /// built beside this one, and waits until it answers.
    ///
    /// # Errors
    /// The program was not built, or does not start.
    pub async fn start(options: &orilla::Options, cache_dir: &Path) -> Result<Self> {
        let program = match env::var_os("ORILLA") {
            Some(program) => PathBuf::from(program),
            None => env::current_exe()?.with_file_name("orilla"),
        };
        let mut command = Command::new(&program);
        command
            .args(["up", "--quiet", "--from"])
            .arg(&options.manifest);
        command.arg("--listen").arg(options.listen.to_string());
        command.arg("--state-dir").arg(&options.state_dir);
        command.arg("--cache-dir").arg(cache_dir);
        // Secrets are among the variables, and all users would see them on a command line.
        for (name, value) in &options.variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        command.env("RUST_LOG", "warn,wasmtime_wasi_http=error");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.kill_on_drop(true).spawn();
        let mut child = child.with_context(|| program.display().to_string())?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        ready(options.listen, &mut child).await?;
        Ok(Self {
            child,
            pid: pid.context("the host has no process id")?,
            address: options.listen,
            start_up: started.elapsed(),
        })
    }

    /// Its present memory, in MiB.
    ///
    /// # Errors
    /// The process has ended.
    pub fn memory(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The part of its present memory that it allocated, in MiB. The rest is of files: pages of
    /// programs and of compiled components, which the kernel can take back at any time.
    ///
    /// # Errors
    /// The process has ended.
    pub fn allocated_memory(&self) -> Result<f64> {
        self.status("RssAnon:")
    }

    /// Its peak memory so far, in MiB.
    ///
    /// # Errors
    /// The process has ended.
    pub fn peak_memory(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB"));
        Ok(kib.with_context(|| format!("no {name}"))?.parse::<f64>()? / 1024.0)
    }

    /// Stops the process after its requests in hand.
    ///
    /// # Errors
    /// The process did not finish them.
    pub async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.pid).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("the host does not end")??;
        ensure!(status.success(), "the host ended with {status}");
        Ok(())
    }
}

async fn ready(address: SocketAddr, child: &mut Child) -> Result<()> {
    let health: Call = Call::new(Method::GET, "/.well-known/spin/health");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            bail!("the host ended with {status} before it served");
        }
        match Connection::open(address).await {
            Ok(mut connection) => return connection.send(&health).await.map(drop),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    bail!("the host did not serve within {} s", PATIENCE.as_secs())
}

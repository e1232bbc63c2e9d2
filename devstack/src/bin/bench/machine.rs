//! The machine, the software and the time of a measurement.

use std::{
    env,
    fmt::{self, Display},
    fs,
    process::Command,
};

use anyhow::{Context, Result};
use time::OffsetDateTime;

/// The properties of the machine that numbers depend on.
pub struct Machine {
    processor: String,
    cores: usize,
    memory_gib: f64,
    kernel: String,
    load: String,
    redis: String,
    commit: String,
    date: String,
    command: String,
}

impl Machine {
    /// Reads them, with the present load.
    ///
    /// # Errors
    /// The machine is not Linux, or it has no Redis or Git.
    pub fn look() -> Result<Self> {
        let memory: f64 = field("/proc/meminfo", "MemTotal")?
            .trim_end_matches(" kB")
            .parse()?;
        let redis = output("redis-server", &["--version"])?;
        let version = redis
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="));
        let changed = !output("git", &["status", "--porcelain", "--", ".", ":!docs"])?.is_empty();
        let commit = output("git", &["rev-parse", "--short", "HEAD"])?;
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name")?,
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: memory / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease")?,
            load: read("/proc/loadavg")?
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            redis: version.unwrap_or("of unknown version").to_owned(),
            commit: commit + if changed { " with changes" } else { "" },
            date: OffsetDateTime::now_utc().date().to_string(),
            command: ["scripts/bench".to_owned()]
                .into_iter()
                .chain(env::args().skip(1))
                .collect::<Vec<_>>()
                .join(" "),
        })
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            cores,
            memory_gib,
            kernel,
            load,
            redis,
            commit,
            date,
            command,
        } = self;
        write!(
            f,
            "{date}, commit {commit}, `{command}`: {processor}, {cores} cores, {memory_gib:.0} GiB, \
             Linux {kernel}, Redis {redis}, load average before it {load}."
        )
    }
}

fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    Ok(text.trim().to_owned())
}

/// The value of the first line `name: value` of a file.
fn field(path: &str, name: &str) -> Result<String> {
    let text = read(path)?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    let (_, value) = found.with_context(|| format!("{path} has no {name}"))?;
    Ok(value.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

//! How much of this host its clients and its guests may use at once.

use std::time::Duration;

/// The limits on resources that clients share. Each is a flag of `orilla up`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// How many client connections may be open. The next one is accepted when one
    /// of them ends. If the hard limit of open files (ulimit -Hn) is too low for
    /// them, there are fewer, and a warning says so.
    #[arg(long, value_name = "N", default_value_t = Self::default().max_connections)]
    pub max_connections: usize,
    /// How many HTTP instances may be alive, those that only wait included; at most
    /// 900. A request past it waits for 5 s and is then answered with 503.
    #[arg(long, value_name = "N", default_value_t = Self::default().max_instances)]
    pub max_instances: u32,
    /// How many of them may work at once: run, or call Redis or a key-value store.
    /// An instance that waits for a timer, for bytes of a client or for another
    /// server is not counted. A request past it waits for 5 s and is then answered
    /// with 503.
    #[arg(long, value_name = "N", default_value_t = Self::default().max_working_instances)]
    pub max_working_instances: u32,
    /// How many MiB the linear memories of all HTTP instances may have together. An
    /// instance that is refused memory because of it is answered for with 503.
    #[arg(long, value_name = "MIB", default_value_t = Self::default().max_total_memory)]
    pub max_total_memory: usize,
    /// How many calls an instance of a component may have, one after the other; with 1
    /// each call gets a new one, as on Spin. An instance that failed, that has more than
    /// 8 MiB of memory or that holds anything of a call is not used again.
    #[arg(long, value_name = "N", default_value_t = Self::default().max_instance_reuse_count)]
    pub max_instance_reuse_count: u32,
    /// How many seconds an instance waits for its next call. Those that wait are at most
    /// 64, and are not counted by the other limits.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub idle_instance_timeout: Duration,
    /// How many MiB the request bodies in hand may have together. Bodies of up to
    /// 64 KiB are not counted. A body that finds no room waits for 5 s, and its
    /// request is then answered with 503.
    #[arg(long, value_name = "MIB", default_value_t = Self::default().max_body_memory)]
    pub max_body_memory: u32,
    /// How many seconds a client may take to send the head of a request, and how
    /// long a connection may be idle. A head that takes longer is answered with 408.
    #[arg(long = "head-timeout", value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub head_timeout: Duration,
    /// How many seconds a request body may stall. In each such time it must bring
    /// 1 KiB a second, or end. One that doesn't is answered with 408.
    #[arg(long = "body-timeout", value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub body_timeout: Duration,
    /// How many seconds a client may take no byte of its answer before its
    /// connection is closed.
    #[arg(long = "write-timeout", value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 2048,
            max_instances: 768,
            max_working_instances: 256,
            max_total_memory: 1024,
            max_instance_reuse_count: 128,
            idle_instance_timeout: Duration::from_secs(1),
            max_body_memory: 64,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "write it as seconds, such as 10")?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    (!time.is_zero())
        .then_some(time)
        .ok_or_else(|| "it must be more than zero".to_owned())
}

//! The processor times of the processes.

use std::{fs, ops::Sub};

use anyhow::{Context, Result, bail};
use redis::aio::MultiplexedConnection;

/// The unit in which Linux counts the time of processes, on all machines.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor time that the processes of a benchmark have used so far, in
/// seconds of one core.
#[derive(Clone, Copy)]
pub struct Times {
    /// The application.
    pub host: f64,
    /// Its Redis.
    pub redis: f64,
    /// The client; the S3 store is in its process.
    pub client: f64,
}

impl Times {
    /// Reads the times of all of them.
    ///
    /// # Errors
    /// A process has ended.
    pub async fn look(host: i32, redis: &mut MultiplexedConnection) -> Result<Self> {
        let info: String = redis::cmd("INFO").arg("cpu").query_async(redis).await?;
        let field = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name));
            anyhow::Ok(
                value
                    .with_context(|| format!("no {name}"))?
                    .parse::<f64>()?,
            )
        };
        Ok(Self {
            host: process(&host.to_string())?,
            redis: field("used_cpu_sys:")? + field("used_cpu_user:")?,
            client: process("self")?,
        })
    }

    /// Each time, divided by a number of requests, in microseconds.
    pub fn micros_each(self, times: u64) -> [f64; 3] {
        [self.host, self.redis, self.client].map(|time| time / times as f64 * 1e6)
    }
}

impl Sub for Times {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            host: self.host - before.host,
            redis: self.redis - before.redis,
            client: self.client - before.client,
        }
    }
}

fn process(id: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name before the parenthesis may have spaces in it. See proc(5).
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let mut times = fields.split_whitespace().skip(11);
    let (Some(user), Some(system)) = (times.next(), times.next()) else {
        bail!("no times of process {id}");
    };
    Ok((user.parse::<f64>()? + system.parse::<f64>()?) / TICKS_PER_SECOND)
}

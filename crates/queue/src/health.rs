//! Checks that Redis is set up as queues need it. Many hosted Redis lack `CONFIG`, so
//! the checks look at the behaviour of Redis and not at its settings.

use std::time::{Duration, Instant};

use base::Failure;
use stores::{Arg, Redis, Value};

/// A key that expires at once: the component `timers` is to be told of it.
pub const CANARY: &str = "orilla:canary";

/// A key that lives for a minute after `timers` was told of the canary.
const HEARD: &str = "orilla:canary:heard";
const HEARD_MS: i64 = 60_000;

/// The time left to [`HEARD`] below which a check sets a canary without waiting for it, so
/// that a system that is looked at this often stays ready however busy it is.
const RENEW_MS: i64 = 30_000;

/// A key that lives for some seconds after a check failed, so that other requests fail at
/// once in that time.
const MISSED: &str = "orilla:canary:missed";
const MISSED_MS: i64 = 5_000;

/// The life of the canary.
const CANARY_MS: i64 = 20;

/// The time that a check waits. Redis looks for expired keys ten times a second.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Checks that Redis keeps its keys when its memory is full: they are data, not a cache.
///
/// # Errors
/// [`Failure::Unavailable`] where Redis is out of reach, [`Failure::Misconfigured`] where
/// its `maxmemory-policy` is not `noeviction`.
pub fn check_policy(redis: &impl Redis) -> Result<(), Failure> {
    let info = redis.call("INFO", &[Arg::from("memory")])?;
    let info = info.first().and_then(Value::as_str).unwrap_or_default();
    match policy(info) {
        None | Some("noeviction") => Ok(()),
        Some(other) => Err(Failure::misconfigured(format!(
            "Redis has the maxmemory-policy {other}, which throws data away: set noeviction"
        ))),
    }
}

/// The `maxmemory_policy` in the answer to `INFO memory`, if it is there.
fn policy(info: &str) -> Option<&str> {
    let mut lines = info.lines();
    lines.find_map(|line| Some(line.strip_prefix("maxmemory_policy:")?.trim()))
}

/// Checks that the component `timers` is told of keys that expire: of one in the last
/// minute, or of one that this sets. Takes up to three seconds.
///
/// # Errors
/// [`Failure::Unavailable`] where Redis is out of reach, [`Failure::Misconfigured`] where
/// `timers` was told of no key.
pub fn check_events(redis: &impl Redis) -> Result<(), Failure> {
    // The milliseconds that a key has left; none or less where it is gone.
    let left = |key| -> Result<i64, Failure> {
        let reply = redis.call("PTTL", &[Arg::from(key)])?;
        Ok(reply.first().and_then(Value::as_int).unwrap_or_default())
    };
    let started = Instant::now();
    loop {
        let heard = left(HEARD)?;
        if heard < RENEW_MS {
            keep(redis, CANARY, CANARY_MS)?;
        }
        if heard > 0 {
            return Ok(());
        }
        if started.elapsed() >= MAX_WAIT || left(MISSED)? > 0 {
            keep(redis, MISSED, MISSED_MS)?;
            return Err(unheard());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Remembers for a minute that `timers` was told of the canary.
///
/// # Errors
/// Redis is out of reach.
pub fn hear(redis: &impl Redis) -> Result<(), Failure> {
    keep(redis, HEARD, HEARD_MS)
}

fn keep(redis: &impl Redis, key: &str, millis: i64) -> Result<(), Failure> {
    let args = [
        Arg::from(key),
        Arg::from(""),
        Arg::from("PX"),
        Arg::Int(millis),
    ];
    redis.call("SET", &args)?;
    Ok(())
}

fn unheard() -> Failure {
    Failure::misconfigured(
        "no notification of an expired key arrived: set notify-keyspace-events Ex in Redis, and check that the component timers runs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_found_in_what_redis_says_of_its_memory() {
        let info = "# Memory\r\nused_memory:1\r\nmaxmemory_policy:allkeys-lru\r\nx:y\r\n";
        assert_eq!(policy(info), Some("allkeys-lru"));
        assert_eq!(policy("# Memory\r\nused_memory:1\r\n"), None);
    }
}

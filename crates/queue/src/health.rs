//! Whether Redis is set up as queues need it. Many hosted Redis have no
//! `CONFIG`, so what it does is looked at and not what it says of its settings.

use std::time::{Duration, Instant};

use base::Failure;
use stores::{Arg, Redis, Value};

/// A key that expires at once, for the component `timers` to hear of.
pub const CANARY: &str = "orilla:canary";

/// Is there for a minute after `timers` has heard of the canary.
const HEARD: &str = "orilla:canary:heard";
const HEARD_MS: i64 = 60_000;

/// Is there for some seconds after nothing was heard, so that only one request in that
/// time waits for it.
const MISSED: &str = "orilla:canary:missed";
const MISSED_MS: i64 = 5_000;

/// How long the canary lives.
const CANARY_MS: i64 = 20;

/// How long to wait until it is heard: Redis looks for expired keys ten times a second.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(50);

/// Refuses a Redis that throws keys away when its memory is full: they are data here and
/// not a cache.
///
/// # Errors
/// Redis is out of reach, or its policy is another than `noeviction`.
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

/// The `maxmemory_policy` of what `INFO memory` says; `None` where it says nothing of it.
fn policy(info: &str) -> Option<&str> {
    let mut lines = info.lines();
    lines.find_map(|line| Some(line.strip_prefix("maxmemory_policy:")?.trim()))
}

/// Makes sure that the component `timers` hears of keys that expire: it has heard of one
/// in the last minute, or does so of one that this sets.
///
/// # Errors
/// Redis is out of reach, or nothing was heard within three seconds.
pub fn check_events(redis: &impl Redis) -> Result<(), Failure> {
    let exists = |key| -> Result<bool, Failure> {
        let reply = redis.call("EXISTS", &[Arg::from(key)])?;
        Ok(reply.first().and_then(Value::as_int) == Some(1))
    };
    let started = Instant::now();
    while !exists(HEARD)? {
        if started.elapsed() >= MAX_WAIT || exists(MISSED)? {
            keep(redis, MISSED, MISSED_MS)?;
            return Err(unheard());
        }
        keep(redis, CANARY, CANARY_MS)?;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Remembers that the canary was heard of.
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
        "no key that expired was heard of: set notify-keyspace-events Ex in Redis, and check that the component timers runs",
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

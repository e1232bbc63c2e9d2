//! The claim of a worker on a day.

use std::cell::Cell;
use std::time::{Duration, Instant};

use base::Failure;
use purchases_domain::archive::Day;
use queue::Script;
use stores::{Arg, Redis, SpinRedis, Value};

use super::stopped::Stopped;

/// How long a claim lasts. It is longer than any one operation of the worker.
const LASTS: Duration = Duration::from_secs(30);

/// The age at which it begins anew.
const RENEWED: Duration = Duration::from_secs(5);

/// Lets a claim begin anew.
static RENEW: Script = Script::new(
    &["if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])"],
);

/// Ends a claim.
static END: Script = Script::new(
    &["if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])"],
);

/// A worker's claim on a day, until it is dropped. It saves work that others do already; no
/// line depends on it (`purchases_domain::compaction`).
pub(super) struct Claim<'a> {
    redis: &'a SpinRedis,
    key: String,
    token: String,
    renewed: Cell<Instant>,
}

impl<'a> Claim<'a> {
    /// Claims a day; `None` if another worker has.
    pub(super) fn take(redis: &'a SpinRedis, day: &Day) -> Result<Option<Self>, Failure> {
        let claim = Self {
            redis,
            key: format!("{{compras}}:compacting:{}:{}", day.tenant, day.date),
            token: base::Trace::new().request_id().to_owned(),
            renewed: Cell::new(Instant::now()),
        };
        let args = [
            Arg::from(&claim.key),
            Arg::from(&claim.token),
            Arg::from("NX"),
            Arg::from("PX"),
            lasts(),
        ];
        let reply = redis.call("SET", &args)?;
        // Nil if the key was there.
        let is_ours = reply.iter().any(|reply| *reply != Value::Nil);
        Ok(is_ours.then_some(claim))
    }

    /// Lets the claim begin anew if it is some seconds old.
    ///
    /// # Errors
    /// It is over, or Redis is out of reach.
    pub(super) fn keep(&self) -> Result<(), Stopped> {
        let now = Instant::now();
        if now.duration_since(self.renewed.get()) < RENEWED {
            return Ok(());
        }
        let args = [Arg::from(&self.token), lasts()];
        let reply = RENEW.run(self.redis, &[&self.key], &args)?;
        if reply.first().and_then(Value::as_int) != Some(1) {
            return Err(Stopped::Lost);
        }
        self.renewed.set(now);
        Ok(())
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // If Redis is out of reach, it ends by itself.
        let _ = END.run(self.redis, &[&self.key], &[Arg::from(&self.token)]);
    }
}

fn lasts() -> Arg<'static> {
    Arg::Int(i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX))
}

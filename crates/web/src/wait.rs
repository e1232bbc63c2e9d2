//! Long polls: answers that wait for a change, up to a limited number at once.

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use serde_json::json;
use sha2::{Digest, Sha256};
use stores::{Arg, Redis, Value};

use crate::{ApiError, Call};

/// The pause after the first look. It doubles up to [`MAX_PAUSE`]: most changes come
/// soon.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// Takes a place (a member with the time of its end as score) in each of `KEYS`, of which
/// key n has at most `ARGV[n + 2]` places. Returns 1, or 0 if one of them is full.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for n, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[n + 2]) then return 0 end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('EXPIRE', key, 60)
end
return 1";

/// Releases the place.
const RELEASE: &str = "
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1";

/// The user who asks to wait, and the Redis that counts the requests that wait.
///
/// A request that waits holds a connection and a slot of the host. So each user has
/// `max_waiting_per_user` places and all users of a system together `max_waiting` (both
/// are variables); beyond them a request is answered at once. A place is a lease in Redis
/// that ends with the wait, even if the component dies.
pub struct Waiting<'a, R> {
    redis: &'a R,
    system: &'static str,
    subject: &'a str,
    trace: &'a Trace,
}

impl<'a, R> Waiting<'a, R> {
    /// The user who sent a request. `redis` counts the places; `system` is the hash tag of
    /// its keys, such as `jobs`.
    ///
    /// # Errors
    /// Those of [`Call::principal`].
    pub fn new(call: &'a Call, redis: &'a R, system: &'static str) -> Result<Self, Failure> {
        Ok(Self {
            redis,
            system,
            subject: &call.principal()?.subject,
            trace: &call.trace,
        })
    }
}

/// Calls `look` until it returns `Break` or `max` is over, and returns its last value.
///
/// `max` is at most a minute. Without a free place, `look` is called only once.
///
/// # Errors
/// Those of `look`, and a variable of [`Waiting`] that is not set.
pub async fn wait<T, R: Redis>(
    who: &Waiting<'_, R>,
    max: Duration,
    mut look: impl AsyncFnMut() -> Result<ControlFlow<T, T>, ApiError>,
) -> Result<T, ApiError> {
    let started = Instant::now();
    let mut seen = match look().await? {
        ControlFlow::Continue(seen) if !max.is_zero() => seen,
        ControlFlow::Continue(seen) | ControlFlow::Break(seen) => return Ok(seen),
    };
    let limits = Limits {
        user: base::number("max_waiting_per_user", 0)?,
        all: base::number("max_waiting", 0)?,
    };
    let Some(_place) = Place::take(who, max, &limits) else {
        return Ok(seen);
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let left = max.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(seen);
        }
        sleep(pause.min(left));
        pause = (pause * 2).min(MAX_PAUSE);
        seen = match look().await? {
            ControlFlow::Continue(seen) => seen,
            ControlFlow::Break(news) => return Ok(news),
        };
    }
}

struct Limits {
    user: i64,
    all: i64,
}

/// The member of a request in the sorted sets of places.
struct Seat<'a, R> {
    redis: &'a R,
    keys: [String; 2],
    id: &'a str,
}

/// A place that was taken. It is released when it is dropped.
struct Place<'a, R: Redis>(Seat<'a, R>);

impl<'a, R: Redis> Place<'a, R> {
    /// Takes a place; `None` if none is free or Redis takes no writes.
    fn take(who: &Waiting<'a, R>, max: Duration, limits: &Limits) -> Option<Self> {
        let user = Sha256::digest(who.subject);
        let user: String = user.iter().map(|byte| format!("{byte:02x}")).collect();
        let seat = Seat {
            redis: who.redis,
            keys: [
                format!("{{{}}}:waiting:{user}", who.system),
                format!("{{{}}}:waiting", who.system),
            ],
            // Clients may repeat a request id; a span is new each time.
            id: who.trace.traceparent(),
        };
        let millis = i64::try_from(max.as_millis()).unwrap_or(i64::MAX);
        let args = [millis, limits.user, limits.all].map(Arg::Int);
        match seat.run(TAKE, &args) {
            Ok(is_taken) => is_taken.then(|| Self(seat)),
            Err(error) => {
                let fields = json!({"system": who.system, "error": error.to_string()});
                log::warn(
                    who.trace,
                    "a request that asked to wait is answered at once",
                    fields,
                );
                None
            }
        }
    }
}

impl<R: Redis> Drop for Place<'_, R> {
    fn drop(&mut self) {
        // A place that cannot be released ends by itself.
        let _ = self.0.run(RELEASE, &[]);
    }
}

impl<R: Redis> Seat<'_, R> {
    fn run(&self, script: &str, more: &[Arg<'_>]) -> Result<bool, Failure> {
        let [user, all] = &self.keys;
        let mut args = vec![Arg::from(script), Arg::Int(2), user.into(), all.into()];
        args.push(Arg::from(self.id));
        args.extend_from_slice(more);
        let reply = self.redis.call("EVAL", &args)?;
        Ok(reply.first().and_then(Value::as_int) == Some(1))
    }
}

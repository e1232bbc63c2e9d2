//! The long poll: an answer that waits for news, for as long as there is a place to wait.

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use serde_json::json;
use sha2::{Digest, Sha256};
use stores::{Arg, Redis, Value};

use crate::ApiError;

/// The pause before the second look, which doubles with each until [`MAX_PAUSE`]: most
/// news is near.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// Takes a place (a member with the time of its end as score) in each of `KEYS`, of which
/// key n has at most `ARGV[n + 2]` places; answers 1, or 0 where one of them is full.
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

/// Gives the place back.
const RELEASE: &str = "
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1";

/// Who waits, and where the requests that wait are counted.
///
/// A request that waits holds a connection and a slot of the host. So each user has
/// `max_waiting_per_user` places, and all users together `max_waiting` (both variables);
/// beyond them a request is answered at once. A place is a lease in Redis that ends with
/// the wait, also where the component dies.
pub struct Waiting<'a, R> {
    /// Where places are counted.
    pub redis: &'a R,
    /// The hash tag of the system's keys, such as `jobs`.
    pub system: &'static str,
    /// The subject of the user.
    pub subject: &'a str,
    /// The ids of the request.
    pub trace: &'a Trace,
}

/// Looks until there is news (`Break`) or `max` is over, and gives the last look.
///
/// At most a minute. Where there is no place to wait, the first look is the last.
///
/// # Errors
/// Those of `look`, and where a variable of [`Waiting`] is not set.
pub fn wait<T, R: Redis>(
    who: &Waiting<'_, R>,
    max: Duration,
    mut look: impl FnMut() -> Result<ControlFlow<T, T>, ApiError>,
) -> Result<T, ApiError> {
    let started = Instant::now();
    let mut seen = match look()? {
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
        seen = match look()? {
            ControlFlow::Continue(seen) => seen,
            ControlFlow::Break(news) => return Ok(news),
        };
    }
}

struct Limits {
    user: i64,
    all: i64,
}

/// The member that a request has in the sets of those who wait.
struct Seat<'a, R> {
    redis: &'a R,
    keys: [String; 2],
    id: &'a str,
}

/// A place that was taken; it is given back when it is dropped.
struct Place<'a, R: Redis>(Seat<'a, R>);

impl<'a, R: Redis> Place<'a, R> {
    /// A place, if there is one. A Redis that takes no writes has none.
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
        // A place that cannot be given back ends by itself.
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

use std::collections::BTreeMap;
use std::time::Duration;

use base::Failure;
use queue::Script;
use stores::{Arg, Redis};

/// The hash of counts and summed durations of requests.
const KEY: &str = "orilla:requests";

/// The upper bounds of the buckets of durations, in microseconds. A last bucket has the
/// longer ones.
pub const BUCKETS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

static COUNT: Script = Script::new(&[
    "redis.call('HINCRBY', KEYS[1], ARGV[1], 1)\nreturn redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])",
]);

/// The end of the field that sums durations.
const SUM: &str = "us";

/// The requests that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// The method of the route, `HEAD` and `OPTIONS` too; `other` for a method without a
    /// route.
    pub method: String,
    /// The pattern of the path, as `/orders/{orderId}`; `unknown` where no route fits.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
}

/// The durations of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The number of requests in each bucket of [`BUCKETS`], and in the last one.
    pub counts: [u64; BUCKETS.len() + 1],
    /// The sum of durations, in microseconds.
    pub sum: u64,
}

/// Counts a request with its duration.
///
/// # Errors
/// Redis is out of reach.
pub fn count(redis: &impl Redis, request: &Request, took: Duration) -> Result<(), Failure> {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let bucket = BUCKETS.partition_point(|bound| *bound < micros);
    let Request {
        method,
        route,
        status,
    } = request;
    let field = |last: &dyn std::fmt::Display| format!("{method} {route} {status} {last}");
    let (count, sum) = (field(&bucket), field(&SUM));
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let args = [Arg::from(&count), Arg::from(&sum), Arg::Int(micros)];
    COUNT.run(redis, &[KEY], &args)?;
    Ok(())
}

/// The durations of all requests that were counted.
///
/// # Errors
/// Redis is out of reach.
pub fn histograms(redis: &impl Redis) -> Result<BTreeMap<Request, Histogram>, Failure> {
    let fields = redis.call("HGETALL", &[Arg::from(KEY)])?;
    let mut histograms = BTreeMap::<Request, Histogram>::new();
    for pair in fields.chunks_exact(2) {
        let [field, value] = pair else { continue };
        let value = value.as_int().and_then(|value| u64::try_from(value).ok());
        let (Some((request, last)), Some(value)) = (field.as_str().and_then(parse), value) else {
            continue;
        };
        let histogram = histograms.entry(request).or_default();
        if last == SUM {
            histogram.sum = value;
        } else if let Some(count) = last
            .parse()
            .ok()
            .and_then(|n: usize| histogram.counts.get_mut(n))
        {
            *count = value;
        }
    }
    Ok(histograms)
}

/// The request of a field of the hash, and the field's last word.
fn parse(field: &str) -> Option<(Request, &str)> {
    let mut words = field.split(' ');
    let request = Request {
        method: words.next()?.to_owned(),
        route: words.next()?.to_owned(),
        status: words.next()?.parse().ok()?,
    };
    let last = words.next()?;
    words.next().is_none().then_some((request, last))
}

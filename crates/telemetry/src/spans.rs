use std::time::Duration;

use base::Failure;
use queue::{Change, Effect, Incoming, Message, Queue, QueueNames, Script};
use serde::{Deserialize, Serialize};
use stores::{Arg, Redis, Value};

use crate::Span;

/// The queue whose worker exports spans.
pub const QUEUE: &str = "traces";

/// The list of spans that wait to be exported.
const SPANS: &str = "{traces}:spans";

/// The max spans that wait; then the oldest are dropped, so that a collector that is away
/// does not fill Redis.
pub const MAX_KEPT: i64 = 20_000;

/// The max spans of one export.
pub const MAX_BATCH: i64 = 500;

/// The time from the first span to its export, in which others join it.
const GATHER: Duration = Duration::from_secs(1);

/// Appends spans, drops the oldest that are too many, and returns the length.
static KEEP: Script = Script::new(&[
    "local length = redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
local max = tonumber(ARGV[1])
if length > max then
  redis.call('LTRIM', KEYS[1], -max, -1)
  return max
end
return length",
]);

static TAKE: Script = Script::new(
    &["local spans = redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
redis.call('LTRIM', KEYS[1], ARGV[1], -1)
return spans"],
);

/// The message that asks for an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {}

impl Message for Export {
    const KIND: &'static str = "traces.export";
    const SCHEMA: u32 = 1;
}

impl<'m> Incoming<'m> for Export {
    const SCHEMA: u32 = 1;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == Self::KIND).then(|| serde_json::from_slice(message))
    }
}

impl Export {
    /// The effect that asks for an export after a second. Several make one export.
    ///
    /// # Errors
    /// None in practice; see [`Message::encode`].
    pub fn soon() -> Result<Effect, Failure> {
        let message = Self {}.encode_untraced()?;
        Ok(QueueNames::new(QUEUE).schedule("export", &message, GATHER))
    }
}

/// Keeps spans for an export, which follows within a few seconds.
///
/// # Errors
/// Redis is out of reach, and the spans are lost.
pub fn keep(redis: &impl Redis, spans: &[Span]) -> Result<(), Failure> {
    let spans = spans.iter().map(serde_json::to_string);
    let spans = spans.collect::<Result<Vec<_>, _>>()?;
    if spans.is_empty() {
        return Ok(());
    }
    let length = append(redis, &spans)?;
    let new = i64::try_from(spans.len()).unwrap_or(i64::MAX);
    // The first span asks for an export. Each full batch asks again, in case that a process
    // ended between these two calls.
    if length <= new || length % MAX_BATCH < new {
        let queue = Queue::new(redis, QUEUE);
        queue.commit(&Change::new().with(Export::soon()?))?;
    }
    Ok(())
}

/// Keeps spans once more that could not be exported.
///
/// # Errors
/// Redis is out of reach, and the spans are lost.
pub fn keep_again(redis: &impl Redis, spans: &[String]) -> Result<(), Failure> {
    append(redis, spans).map(|_| ())
}

fn append(redis: &impl Redis, spans: &[String]) -> Result<i64, Failure> {
    let mut args = vec![Arg::Int(MAX_KEPT)];
    args.extend(spans.iter().map(Arg::from));
    let length = KEEP.run(redis, &[SPANS], &args)?;
    Ok(length.first().and_then(Value::as_int).unwrap_or_default())
}

/// Takes up to [`MAX_BATCH`] of the oldest spans, each as JSON.
///
/// # Errors
/// Redis is out of reach.
pub fn take(redis: &impl Redis) -> Result<Vec<String>, Failure> {
    let spans = TAKE.run(redis, &[SPANS], &[Arg::Int(MAX_BATCH)])?;
    let texts = spans
        .into_iter()
        .map(|span| String::from_utf8(span.into_bytes()));
    Ok(texts.filter_map(Result::ok).collect())
}

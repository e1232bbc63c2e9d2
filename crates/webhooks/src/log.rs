//! Outcomes of deliveries: the latest attempts of each endpoint, and the events that failed.

use std::time::Duration;

use base::{Failure, Timestamp};
use queue::{Effect, LetterId};
use serde::{Deserialize, Serialize};
use stores::{Arg, Redis, Value};

use crate::{EndpointId, keys};

/// The max attempts that are kept of an endpoint, and the time that they are.
pub const MAX_ATTEMPTS: u32 = 100;
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The max events of an endpoint that are known to have failed or to have been sent again: no
/// more are kept, and fewer by their size.
const MAX_EVENTS: u32 = 10_000;

/// The max bytes that are kept of an answer.
pub const MAX_ANSWER: usize = 1024;

/// An attempt to send an event to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The event's id.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the receiver took it.
    pub delivered: bool,
    /// The status of the answer; `None` without one.
    pub status: Option<u16>,
    /// When it was sent.
    pub at: Timestamp,
    /// The time until the answer, in ms.
    pub duration_ms: u64,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The beginning of the answer's body.
    pub answer: String,
    /// Why it failed.
    pub error: Option<String>,
}

/// A page of attempts.
#[derive(Clone, Debug, Serialize)]
pub struct Attempts {
    /// The attempts, the latest first.
    pub deliveries: Vec<Attempt>,
    /// The place of the last one, if others follow it.
    pub cursor: Option<String>,
}

/// The effects that note an attempt.
///
/// # Errors
/// None known.
pub fn noted(endpoint: &str, attempt: &Attempt) -> Result<Vec<Effect>, Failure> {
    let log = keys::log(endpoint);
    let mut effects = vec![
        Effect::Append {
            key: log.clone(),
            value: serde_json::to_vec(attempt)?,
            max: MAX_ATTEMPTS,
        },
        Effect::Expire {
            key: log,
            after: KEPT,
        },
    ];
    match attempt.delivered {
        true => effects.push(Effect::Unindex {
            key: keys::failed(endpoint),
            member: attempt.event.clone(),
        }),
        false => effects.extend(failed(endpoint, &attempt.event, attempt.at)),
    }
    Ok(effects)
}

/// The effects that note that an event was not delivered to an endpoint.
pub fn failed(endpoint: &str, event: &str, at: Timestamp) -> Vec<Effect> {
    remembered(keys::failed(endpoint), event, at)
}

/// The effects that note that an event was delivered when an operator sent it again.
pub fn resent(endpoint: &str, event: &str, at: Timestamp) -> Vec<Effect> {
    remembered(keys::resent(endpoint), event, at)
}

fn remembered(key: String, event: &str, at: Timestamp) -> Vec<Effect> {
    vec![
        Effect::Index {
            key: key.clone(),
            member: event.to_owned(),
            // Exact: the number has fewer than 53 bits.
            score: at.millis() as f64,
        },
        Effect::Trim {
            key: key.clone(),
            max: MAX_EVENTS,
        },
        // A message may wait for a day, and some retries for another.
        Effect::Expire {
            key,
            after: KEPT * 2,
        },
    ]
}

/// Whether an event was delivered to an endpoint when an operator sent it again.
///
/// # Errors
/// Redis is out of reach.
pub fn was_resent(redis: &impl Redis, endpoint: &str, event: &str) -> Result<bool, Failure> {
    let key = keys::resent(endpoint);
    let reply = redis.call("ZSCORE", &[Arg::from(&key), Arg::from(event)])?;
    Ok(reply.first().is_some_and(|score| *score != Value::Nil))
}

/// Reads the latest attempts of an endpoint, after the place `after`.
///
/// # Errors
/// Redis is out of reach, or holds an attempt that cannot be read.
pub fn attempts(
    redis: &impl Redis,
    endpoint: &str,
    after: Option<LetterId>,
    limit: u32,
) -> Result<Attempts, Failure> {
    let key = keys::log(endpoint);
    let from = after.map_or_else(|| "+".to_owned(), |after| format!("({after}"));
    let oldest = Timestamp::now().millis();
    let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
    let oldest = oldest.saturating_sub(kept).to_string();
    let args = [
        Arg::from(&key),
        Arg::from(&from),
        Arg::from(&oldest),
        Arg::from("COUNT"),
        Arg::Int(i64::from(limit) + 1),
    ];
    let reply = redis.call("XREVRANGE", &args)?;
    // An entry is its id, the name of its one field and the value.
    let entries: Vec<_> = reply
        .chunks_exact(3)
        .filter_map(|entry| match entry {
            [id, _, value] => Some((id.as_str()?, value.as_str()?)),
            _ => None,
        })
        .collect();
    let page = entries.get(..limit as usize);
    let cursor = page.and_then(<[_]>::last);
    let cursor = cursor.filter(|_| entries.len() > limit as usize);
    let deliveries = page.unwrap_or(&entries).iter();
    let deliveries = deliveries.map(|(_, value)| serde_json::from_slice(value.as_bytes()));
    Ok(Attempts {
        deliveries: deliveries.collect::<Result<_, _>>()?,
        cursor: cursor.map(|(id, _)| (*id).to_owned()),
    })
}

/// The events that failed at an endpoint since a time in ms, the first first.
///
/// # Errors
/// Redis is out of reach.
pub fn failed_since(
    redis: &impl Redis,
    endpoint: &str,
    since: u64,
) -> Result<Vec<String>, Failure> {
    let (key, since) = (keys::failed(endpoint), since.to_string());
    let args = [Arg::from(&key), Arg::from(&since), Arg::from("+inf")];
    let reply = redis.call("ZRANGEBYSCORE", &args)?;
    Ok(reply
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

/// The effects that forget all of an endpoint.
pub(crate) fn forgotten(endpoint: &EndpointId) -> Vec<Effect> {
    let id = endpoint.as_str();
    [keys::log(id), keys::failed(id), keys::resent(id)]
        .map(|key| Effect::Remove { key })
        .into()
}

//! The events that may be sent again.

use std::time::Duration;

use base::Failure;
use queue::{Effect, Keeping};
use stores::{Arg, Redis, Value};

use crate::keys;

/// The limits of kept events; the limit that is reached first counts.
const KEEPING: Keeping = Keeping {
    count: 10_000,
    bytes: 64 * 1024 * 1024,
    time: Duration::from_secs(7 * 24 * 3600),
};

/// The effect that keeps an event.
pub fn kept(id: &str, kind: &str, event: &str) -> Effect {
    Effect::Keep {
        key: keys::EVENTS.to_owned(),
        id: id.to_owned(),
        label: kind.to_owned(),
        value: event.as_bytes().to_vec(),
        keeping: KEEPING,
    }
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its text.
    pub event: String,
}

/// Those of some events that are kept. Read a few at a time: each may be large.
///
/// # Errors
/// Redis is out of reach.
pub fn read_kept(redis: &impl Redis, ids: &[String]) -> Result<Vec<Kept>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let labels = labels();
    let read = |key: &str| {
        let mut args = vec![Arg::from(key)];
        args.extend(ids.iter().map(Arg::from));
        redis.call("HMGET", &args)
    };
    let (events, kinds) = (read(keys::EVENTS)?, read(&labels)?);
    let found = ids.iter().zip(events.iter().zip(&kinds));
    let found = found.filter_map(|(id, (event, kind))| {
        Some(Kept {
            id: id.clone(),
            kind: kind.as_str()?.to_owned(),
            event: event.as_str()?.to_owned(),
        })
    });
    Ok(found.collect())
}

/// The ids and types of the events that are kept and came since a time in ms, the first first.
///
/// # Errors
/// Redis is out of reach.
pub fn kept_since(redis: &impl Redis, since: u64) -> Result<Vec<(String, String)>, Failure> {
    let (times, since) = (format!("{}:times", keys::EVENTS), since.to_string());
    let args = [Arg::from(&times), Arg::from(&since), Arg::from("+inf")];
    let ids = redis.call("ZRANGEBYSCORE", &args)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let labels = labels();
    let mut args = vec![Arg::from(&labels)];
    args.extend(ids.iter().filter_map(Value::as_str).map(Arg::from));
    let kinds = redis.call("HMGET", &args)?;
    let pairs = ids
        .iter()
        .zip(&kinds)
        .filter_map(|(id, kind)| Some((id.as_str()?.to_owned(), kind.as_str()?.to_owned())));
    Ok(pairs.collect())
}

fn labels() -> String {
    format!("{}:labels", keys::EVENTS)
}

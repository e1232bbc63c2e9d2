//! Reading an order, its versions and how far their processing is.

use orders_domain::{
    Failure, HistoryQuery, LineHead, Order, OrderId, Processing, ProcessingRecord, keys,
};
use queue::Script;
use records::{RecordError, UpdateError, Versioned};
use stores::{Arg, KeyValue, Redis, Value};

static PROCESSING: Script = Script::new(include_str!("processing.lua"));

/// The latest version of an order.
pub fn load(store: &impl KeyValue, id: &OrderId) -> Result<Option<Versioned<Order>>, RecordError> {
    records::latest(store, &keys::record(id))
}

/// How far the processing of a version is.
pub fn processing(
    redis: &impl Redis,
    id: &OrderId,
    version: u64,
) -> Result<Processing, UpdateError> {
    let names = [keys::processing(id), keys::line(id)];
    let version_field = version.to_string();
    let args = [Arg::from(&version_field), Arg::from(keys::FAILED)];
    let reply = PROCESSING.run(redis, &[&names[0], &names[1]], &args)?;
    let text = |at: usize| reply.get(at).and_then(Value::as_str);
    let record: Option<ProcessingRecord> = text(0).map(serde_json::from_str).transpose()?;
    let failed: Option<Failure> = text(1).map(serde_json::from_str).transpose()?;
    let head = text(2).map(|head| match head.split_once('/') {
        Some((queue, letter)) => LineHead::Dead {
            queue: queue.to_owned(),
            id: letter.to_owned(),
        },
        None => LineHead::Alive,
    });
    Ok(Processing::new(version, record, head, failed))
}

/// A page of an order's versions.
#[derive(Debug)]
pub struct History {
    /// The versions, the oldest first, each with what came of processing it.
    pub versions: Vec<(Versioned<Order>, Option<ProcessingRecord>)>,
    /// The version after them, if there are more.
    pub next: Option<u64>,
}

/// Reads versions of an order of which `latest` is the latest.
pub fn history(
    redis: &impl Redis,
    store: &impl KeyValue,
    latest: &Versioned<Order>,
    query: &HistoryQuery,
) -> Result<History, UpdateError> {
    let id = &latest.document.order_id;
    let end = query.first.saturating_add(query.limit.into());
    let after = latest.version.saturating_add(1);
    let wanted = query.first..end.min(after);
    if wanted.is_empty() {
        return Ok(History {
            versions: Vec::new(),
            next: None,
        });
    }
    let name = keys::processing(id);
    let fields: Vec<_> = wanted.clone().map(|version| version.to_string()).collect();
    let mut args = vec![Arg::from(&name)];
    args.extend(fields.iter().map(Arg::from));
    let records = redis.call("HMGET", &args)?;
    let key = keys::record(id);
    let mut versions = Vec::with_capacity(fields.len());
    for (version, record) in wanted.zip(records) {
        let Some(version) = records::version(store, &key, version)? else {
            continue;
        };
        let record = record.as_str().map(serde_json::from_str).transpose()?;
        versions.push((version, record));
    }
    Ok(History {
        versions,
        next: (end < after).then_some(end),
    })
}

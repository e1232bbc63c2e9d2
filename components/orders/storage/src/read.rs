//! Reads an order, its versions and their processing.

use std::time::Duration;

use orders_domain::{
    Content, Failure, GroupHead, HistoryQuery, Order, OrderId, Processing, ProcessingRecord,
    Status, Timestamp, keys,
};
use queue::Queue;
use records::Versioned;
use stores::{Arg, KeyValue, Redis, Value};

/// The number of bytes of text after which a page of a history ends. As JSON they may be
/// six times as many, and they must fit into a component's memory.
const PAGE_BYTES: usize = 1024 * 1024;

/// The number of versions that are read from Redis at once.
const CHUNK: u64 = 50;

/// The approximate size of a version besides its texts, in bytes.
const FIELDS: usize = 512;

/// The latest version of an order.
pub fn load(
    store: &impl KeyValue,
    id: &OrderId,
) -> Result<Option<Versioned<Order>>, base::Failure> {
    records::latest(store, &keys::record(id))
}

/// The processing of a version.
pub fn processing(
    redis: &impl Redis,
    id: &OrderId,
    version: u64,
) -> Result<Processing, base::Failure> {
    let (mut record, mut failed) = records_of(redis, id, version)?;
    let mut head = None;
    if !matches!(record, Some(ProcessingRecord::Processed { .. })) {
        let group = keys::group(id);
        let reply = redis.call("LINDEX", &[Arg::from(&group), Arg::Int(0)])?;
        head = reply.first().and_then(Value::as_str).map(group_head);
        // The group gets the dead letter in the same script that stores its failure.
        (record, failed) = records_of(redis, id, version)?;
    }
    Ok(Processing::new(version, record, head, failed))
}

/// The stored outcome of a version, and the latest failure of its order.
fn records_of(
    redis: &impl Redis,
    id: &OrderId,
    version: u64,
) -> Result<(Option<ProcessingRecord>, Option<Failure>), base::Failure> {
    let (key, version) = (keys::processing(id), version.to_string());
    let args = [&*key, &*version, keys::FAILED].map(Arg::from);
    let reply = redis.call("HMGET", &args)?;
    let text = |at: usize| reply.get(at).and_then(Value::as_str);
    Ok((
        text(0).map(serde_json::from_str).transpose()?,
        text(1).map(serde_json::from_str).transpose()?,
    ))
}

fn group_head(head: &str) -> GroupHead {
    match head.split_once('/') {
        Some((queue, letter)) => GroupHead::Dead {
            queue: queue.to_owned(),
            id: letter.to_owned(),
        },
        None => GroupHead::Alive,
    }
}

/// Wakes the workers of orders if this version has waited long for its processing.
pub fn wake_if_idle(
    redis: &impl Redis,
    latest: &Versioned<Order>,
    processing: &Processing,
    now: Timestamp,
) -> Result<(), base::Failure> {
    if !processing.is_pending() {
        return Ok(());
    }
    let changed = latest.document.updated_at.millis();
    let idle = Duration::from_millis(now.millis().saturating_sub(changed));
    // The head of its message group may be on the queue of any status.
    let queues = Status::ALL.map(keys::queue);
    queues
        .into_iter()
        .try_for_each(|name| Queue::new(redis, name).wake_if_idle(idle))
}

/// A page of an order's versions.
#[derive(Debug)]
pub struct History {
    /// The versions, oldest first, each with the outcome of its processing.
    pub versions: Vec<(Versioned<Order>, Option<ProcessingRecord>)>,
    /// The first version of the next page, if there is one.
    pub next: Option<u64>,
}

/// Reads versions of an order whose latest one is `latest`. A page of large versions ends
/// early.
pub fn history(
    redis: &impl Redis,
    store: &impl KeyValue,
    latest: &Versioned<Order>,
    query: &HistoryQuery,
) -> Result<History, base::Failure> {
    let id = &latest.document.order_id;
    let (key, name) = (keys::record(id), keys::processing(id));
    let end = query.first.saturating_add(query.limit.into());
    let end = end.min(latest.version.saturating_add(1));
    let mut versions = Vec::new();
    let (mut next, mut bytes) = (query.first, 0);
    while next < end && bytes < PAGE_BYTES {
        let chunk = next..end.min(next.saturating_add(CHUNK));
        let fields: Vec<_> = chunk.clone().map(|version| version.to_string()).collect();
        let mut args = vec![Arg::from(&name)];
        args.extend(fields.iter().map(Arg::from));
        for (version, record) in chunk.zip(redis.call("HMGET", &args)?) {
            next = version.saturating_add(1);
            let Some(order) = records::version::<Order>(store, &key, version)? else {
                continue;
            };
            let record = record.as_str();
            bytes += size(&order.document.content) + record.map_or(0, str::len);
            let record = record.map(serde_json::from_str).transpose()?;
            versions.push((order, record));
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    Ok(History {
        versions,
        next: (next <= latest.version).then_some(next),
    })
}

/// The approximate number of bytes that a version adds to a page.
fn size(content: &Content) -> usize {
    FIELDS + content.description.len() + content.reason_for_cancellation.len()
}

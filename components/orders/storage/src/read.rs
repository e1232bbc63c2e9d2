//! Reading an order, its versions and how far their processing is.

use std::time::Duration;

use orders_domain::{
    Content, Failure, GroupHead, HistoryQuery, Order, OrderId, Processing, ProcessingRecord,
    Status, Timestamp, keys,
};
use queue::Queue;
use records::Versioned;
use stores::{Arg, KeyValue, Redis, Value};

/// How many bytes of texts end a page of a history: written as JSON they may have six
/// times as many, which have to fit into a component's memory.
const PAGE_BYTES: usize = 1024 * 1024;

/// How many versions are read of Redis at once.
const CHUNK: u64 = 50;

/// What a version has besides its texts.
const FIELDS: usize = 512;

/// The latest version of an order.
pub fn load(
    store: &impl KeyValue,
    id: &OrderId,
) -> Result<Option<Versioned<Order>>, base::Failure> {
    records::latest(store, &keys::record(id))
}

/// How far the processing of a version is.
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
        // A dead letter and its failure are written together.
        (record, failed) = records_of(redis, id, version)?;
    }
    Ok(Processing::new(version, record, head, failed))
}

/// What is stored of processing a version, and the latest failure of its order.
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

/// Wakes the workers of orders if this order's processing is overdue.
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
    // The message that its group waits for may be on the queue of any status.
    let queues = Status::ALL.map(keys::queue);
    queues
        .into_iter()
        .try_for_each(|name| Queue::new(redis, name).wake_if_idle(idle))
}

/// A page of an order's versions.
#[derive(Debug)]
pub struct History {
    /// The versions, the oldest first, each with what came of processing it.
    pub versions: Vec<(Versioned<Order>, Option<ProcessingRecord>)>,
    /// The version after them, if there are more.
    pub next: Option<u64>,
}

/// Reads versions of an order of which `latest` is the latest. A page ends earlier
/// where they are large.
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

/// About how many bytes a version adds to a page.
fn size(content: &Content) -> usize {
    FIELDS + content.description.len() + content.reason_for_cancellation.len()
}

//! Reads an order, its versions and their processing.

use std::ops::Range;
use std::time::Duration;

use orders_domain::{
    Content, Failure, GroupHead, Order, OrderId, Processing, ProcessingRecord, Status, Timestamp,
    keys,
};
use queue::Queue;
use records::{Annotated, History, HistoryQuery, Versioned};
use stores::{Arg, KeyValue, Redis, Value};

/// The approximate size of a version besides its texts, in bytes.
const FIELDS: usize = 512;

/// The latest version of an order.
pub struct Latest {
    /// The version.
    pub order: Versioned<Order>,
    /// Its processing, where [`keep`] kept the outcome.
    pub processing: Option<Processing>,
}

/// The latest version of an order.
pub fn load(store: &impl KeyValue, id: &OrderId) -> Result<Option<Latest>, base::Failure> {
    let found = records::latest_annotated(store, &keys::record(id))?;
    Ok(found.map(|found| {
        let Annotated {
            versioned: order,
            annotation,
        } = found;
        // An annotation by a later version of the application may be unreadable; Redis has the
        // outcome.
        let outcome =
            annotation.and_then(|outcome| serde_json::from_slice(outcome.get().as_bytes()).ok());
        let processing =
            outcome.map(|outcome| Processing::new(order.version, Some(outcome), None, None));
        Latest { order, processing }
    }))
}

/// Keeps the outcome of a processed version with the order: readers find it there without
/// Redis. It stays if Redis loses the outcome and the version is processed again.
pub fn keep(
    store: &impl KeyValue,
    latest: &Versioned<Order>,
    outcome: &ProcessingRecord,
) -> Result<(), base::Failure> {
    let key = keys::record(&latest.document.order_id);
    records::annotate(store, &key, latest, outcome)
}

/// The processing of a version, as Redis has it.
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
    let value = |at: usize| reply.get(at).unwrap_or(&Value::Nil);
    Ok((value(0).as_json()?, value(1).as_json()?))
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

/// Reads versions of an order whose latest one is `latest`, each with the outcome of its
/// processing.
pub fn history(
    redis: &impl Redis,
    store: &impl KeyValue,
    latest: &Versioned<Order>,
    query: &HistoryQuery,
) -> Result<History<Order, Option<ProcessingRecord>>, base::Failure> {
    let id = &latest.document.order_id;
    let (key, name) = (keys::record(id), keys::processing(id));
    let read = |versions: Range<u64>| {
        let fields: Vec<_> = versions.map(|version| version.to_string()).collect();
        let mut args = vec![Arg::from(&name)];
        args.extend(fields.iter().map(Arg::from));
        let records = redis.call("HMGET", &args)?.into_iter();
        let records = records.map(|record| {
            let length = record.as_str().map_or(0, str::len);
            Ok((record.as_json()?, length))
        });
        records.collect()
    };
    let size = |order: &Order, (_, length): &(_, usize)| size(&order.content) + length;
    let history = records::history(store, &key, latest.version, query, read, size)?;
    let versions = history.versions.into_iter();
    Ok(History {
        versions: versions
            .map(|(order, (record, _))| (order, record))
            .collect(),
        next: history.next,
    })
}

/// The approximate number of bytes that a version adds to a page.
fn size(content: &Content) -> usize {
    FIELDS + content.description.len() + content.reason_for_cancellation.len()
}

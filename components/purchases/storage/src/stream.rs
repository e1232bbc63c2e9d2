//! Records of streams on their way into the queue.

use std::time::Duration;

use base::{Failure, Trace, log};
use purchases_domain::{ImportedMessage, Settings, item, keys};
use queue::{Change, Effect, Group, Message, Once, Queue};
use serde_json::json;
use serde_json::value::RawValue;
use stores::Redis;

/// How long a record is remembered, so that it is not queued again. AWS sends a record
/// again within the 24 hours that a stream keeps it.
const REMEMBERED: Duration = Duration::from_secs(48 * 60 * 60);

/// The max records, and about the max bytes, that are queued in one script.
const MAX_RECORDS: usize = 500;
const MAX_BYTES: usize = 512 * 1024;

/// A record that is to be queued.
struct Record<'a> {
    raw: &'a RawValue,
    key: String,
    /// Its item and its place there; `None` where it cannot be read.
    place: Option<(Option<String>, Option<dynamo::Sequence>)>,
    /// By which AWS is told that the record failed.
    identifier: Option<String>,
}

impl<'a> Record<'a> {
    fn read(raw: &'a RawValue) -> Self {
        match dynamo::Record::parse(raw.get()) {
            Ok(record) => Self {
                raw,
                key: record.dedupe_key(raw.get()),
                place: Some((item(&record), record.sequence)),
                identifier: record.sequence_text,
            },
            Err(_) => Self {
                raw,
                key: dynamo::text_key(raw.get()),
                place: None,
                identifier: None,
            },
        }
    }

    fn effect(
        &self,
        queue: &Queue<'_, impl Redis>,
        settings: &Settings,
        now: u64,
        trace: &Trace,
    ) -> Result<Effect, Failure> {
        let message = ImportedMessage {
            record: self.raw.to_owned(),
            key: self.key.clone(),
            received: now,
            settings: settings.clone(),
        };
        let message = message.encode(trace)?;
        let item = self.place.as_ref().and_then(|(item, _)| item.as_deref());
        let group = item.map(|item| Group {
            key: keys::stream_group(item),
            ahead: None,
        });
        let once = Once {
            key: keys::seen(&self.key),
            keep: REMEMBERED,
        };
        Ok(queue.names().send_once(group, once, message))
    }
}

/// The outcome of queueing records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// The sequence numbers of records that are not queued, for AWS to send again.
    pub failed: Vec<String>,
}

/// Queues records, each once, those of one item in the order of their sequence numbers.
/// Records that cannot be read are queued, too: the worker makes them dead letters.
///
/// # Errors
/// Nothing was queued, or a record that was not queued has no sequence number: send all
/// records again.
pub fn enqueue(
    queue: &Queue<'_, impl Redis>,
    records: &[&RawValue],
    settings: &Settings,
    now: u64,
    trace: &Trace,
) -> Result<Queued, Failure> {
    let mut records: Vec<_> = records.iter().map(|raw| Record::read(raw)).collect();
    // Stable: records without a place stay in the order that they came in.
    records.sort_by(|one, other| one.place.cmp(&other.place));
    let mut queued = 0;
    let size = |record: &Record<'_>| record.raw.get().len();
    for chunk in base::groups(&records, MAX_RECORDS, MAX_BYTES, size) {
        let effects = chunk
            .iter()
            .map(|record| record.effect(queue, settings, now, trace));
        let change = Change::new().with_all(effects.collect::<Result<Vec<_>, _>>()?);
        if let Err(failure) = queue.commit(&change) {
            let rest = records.iter().skip(queued);
            let failed: Option<Vec<_>> = rest.map(|record| record.identifier.clone()).collect();
            return match failed {
                Some(failed) if queued > 0 => {
                    let fields = json!({"failed": failed.len(), "error": failure.to_string()});
                    log::error(trace, "records of a stream could not be queued", fields);
                    Ok(Queued { failed })
                }
                _ => Err(failure),
            };
        }
        queued += chunk.len();
    }
    Ok(Queued::default())
}

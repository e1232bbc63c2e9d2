//! A change becomes an object.

use std::time::{Duration, Instant};

use base::{Failure, Trace, log, now_millis};
use purchases_domain::archive::{self, CONTENT_TYPE, Day, Key};
use purchases_domain::{Change, Entry, Imported, ImportedMessage, Reading, keys, metrics};
use purchases_storage::{Counting, compact_later};
use queue::Effect;
use serde_json::json;
use stores::KeyValue;
use worker::Verdict;

use crate::work::{Archived, Archiver, Task, not_written};

impl Archiver<'_> {
    /// Writes the object of a change that was made here.
    pub(crate) async fn archive_change(
        &self,
        change: &Change,
        field: String,
        trace: &Trace,
    ) -> Result<Archived, Verdict> {
        let key = Key::of(change);
        let line = archive::line(change)?;
        self.put(&key.to_string(), line, change.at.millis(), trace)
            .await?;
        self.mark(&key.day, &change.tenant_id)?;
        let fields = json!({"key": key.to_string(), "event": change.event});
        log::info(trace, "a change was archived", fields);
        Ok(Archived {
            counting: Some(Counting {
                field,
                sequence: change.sequence(),
                is_unique: change.origin.has_place(),
                entry: Entry::of(change),
            }),
            effects: Vec::new(),
        })
    }

    /// Has the tenant known and the day compacted when the messages are settled: once for all
    /// changes of the day.
    fn mark(&self, day: &Day, tenant: &str) -> Result<(), Failure> {
        let mut marks = self.marks.borrow_mut();
        if !marks.contains_key(day) {
            let known = Effect::Index {
                key: keys::TENANTS.to_owned(),
                member: tenant.to_owned(),
                score: 0.0,
            };
            let compacted = compact_later(day, self.compact_after)?;
            marks.insert(day.clone(), [known, compacted]);
        }
        Ok(())
    }

    /// Writes the object of a stream's record, and keeps the record for replays.
    pub(crate) async fn import(
        &self,
        task: &Task<'_>,
        message: &ImportedMessage,
    ) -> Result<Archived, Verdict> {
        let trace = &task.trace;
        let imported = Imported::read(message).map_err(|reason| Verdict::Dead(reason.into()))?;
        let field = imported.item.as_deref().map(keys::stream_counted);
        match &imported.reading {
            Reading::Change(change) => {
                let kept = serde_json::to_vec(message)?;
                let key = keys::stream_record(&change.tenant_id, &message.key);
                self.store.set(&key, &kept)?;
                // Each record has a key, so a change without an item has one of its own.
                let field = field.unwrap_or_else(|| keys::stream_counted(&message.key));
                let mut archived = self.archive_change(change, field, trace).await?;
                archived.effects.push(Effect::Index {
                    key: keys::stream_index(&change.tenant_id),
                    member: message.key.clone(),
                    // Exact: the number has fewer than 53 bits.
                    score: change.at.millis() as f64,
                });
                Ok(archived)
            }
            Reading::Unplaced(unplaced) => {
                let line = unplaced.line()?;
                let key = unplaced.object_key();
                self.objects
                    .traced(trace)
                    .put(&key, line, CONTENT_TYPE)
                    .await
                    .map_err(not_written)?;
                self.tally.borrow_mut().count(metrics::FAILED);
                let fields = json!({"key": key, "reason": unplaced.reason});
                log::warn(trace, "a record has no place in the archive", fields);
                let counting = field.map(|field| Counting {
                    field,
                    sequence: imported.sequence.clone(),
                    is_unique: imported.has_place,
                    entry: imported.entry(),
                });
                Ok(Archived {
                    counting,
                    effects: Vec::new(),
                })
            }
        }
    }

    /// Writes an object and measures it.
    async fn put(&self, key: &str, line: Vec<u8>, at: u64, trace: &Trace) -> Result<(), Verdict> {
        let started = Instant::now();
        let size = line.len();
        let objects = self.objects.traced(trace);
        objects
            .put(key, line, CONTENT_TYPE)
            .await
            .map_err(not_written)?;
        let mut tally = self.tally.borrow_mut();
        tally.count(metrics::ARCHIVED);
        tally.observe("time", millis(started.elapsed()));
        tally.observe("bytes", u64::try_from(size).unwrap_or(u64::MAX));
        tally.observe("lag", now_millis().saturating_sub(at));
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

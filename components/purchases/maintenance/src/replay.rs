//! Archives changes again from the stored purchases and records.

use std::collections::BTreeSet;

use base::{Failure, Tenant, Trace};
use futures::future::try_join_all;
use purchases_domain::archive::{self, CONTENT_TYPE, Day, Key};
use purchases_domain::{
    Change, Imported, ImportedMessage, Purchase, PurchaseId, Reading, Replay, ReplayPage, keys,
};
use purchases_storage::{compact_later, find_replay, next_tenant};
use queue::{Effect, Message, QueueNames};
use records::{Place, Slice};
use stores::KeyValue;
use worker::{Leases, Verdict};

use crate::work::{Maintainer, Task};

/// The purchases, or records, of a page.
const PAGE: u32 = 50;

/// The objects that are written at once.
const AT_ONCE: usize = 16;

/// The progress of a page.
#[derive(Default)]
struct Done {
    /// The purchases, or records.
    purchases: i64,
    /// The objects that it wrote.
    objects: i64,
    /// Their days.
    days: BTreeSet<Day>,
    /// The end of the page, if others follow.
    last: Option<Place>,
}

impl Maintainer<'_> {
    /// Does a page of a replay, and publishes the next one.
    pub(crate) async fn replay(
        &self,
        page: &ReplayPage,
        task: &Task<'_>,
        leases: &Leases<'_>,
    ) -> Result<Verdict, Failure> {
        let Some(replay) = find_replay(self.redis, &page.id)?.replay else {
            return Ok(Verdict::Drop("the replay is not kept any more"));
        };
        let done = match page.is_stream {
            false => {
                self.replay_purchases(page, &replay, &task.trace, leases)
                    .await?
            }
            true => {
                self.replay_records(page, &replay, &task.trace, leases)
                    .await?
            }
        };
        let next = match done.last {
            Some(last) => Some(ReplayPage {
                after: Some(last.to_string()),
                ..page.clone()
            }),
            None if !page.is_stream => Some(ReplayPage {
                is_stream: true,
                after: None,
                ..page.clone()
            }),
            None if replay.tenant.is_some() => None,
            None => next_tenant(self.redis, Some(&page.tenant))?.map(|tenant| ReplayPage {
                id: page.id.clone(),
                tenant,
                is_stream: false,
                after: None,
            }),
        };
        let key = keys::replay(&page.id);
        let progress = [("purchases", done.purchases), ("objects", done.objects)];
        let progress = progress.into_iter().filter(|(_, by)| *by != 0);
        let fields: Vec<_> = progress.map(|(name, by)| (name.to_owned(), by)).collect();
        let days = done.days.iter();
        let mut effects = days
            .map(|day| compact_later(day, self.compact_after))
            .collect::<Result<Vec<_>, _>>()?;
        if !fields.is_empty() {
            let key = key.clone();
            effects.push(Effect::Add { key, fields });
        }
        effects.push(match next {
            Some(next) => QueueNames::new(keys::MAINTENANCE).send(next.encode(&task.trace)?),
            None => Effect::Set {
                key,
                fields: vec![(
                    "finished".to_owned(),
                    base::rfc3339(base::now_millis()).into_bytes(),
                )],
            },
        });
        Ok(Verdict::Done(effects))
    }

    async fn replay_purchases(
        &self,
        page: &ReplayPage,
        replay: &Replay,
        trace: &Trace,
        leases: &Leases<'_>,
    ) -> Result<Done, Failure> {
        let Ok(tenant) = page.tenant.parse::<Tenant>() else {
            // Only records of streams have such tenants.
            return Ok(Done::default());
        };
        let after = page.after.as_deref().and_then(|after| after.parse().ok());
        let index = keys::ever(&page.tenant);
        let slice = slice(&index, after.as_ref());
        let key = |id: &str| Some(keys::record(&tenant, &id.parse::<PurchaseId>().ok()?));
        let found = records::list::<Purchase>(self.redis, &self.store, slice, key, |_| true)?;
        let mut done = Done {
            last: found.last,
            ..Done::default()
        };
        for latest in found.documents {
            done.purchases += 1;
            let key = keys::record(&tenant, &latest.document.compra_id);
            let mut changes = Vec::new();
            for version in 1..=latest.version {
                let found = records::version::<Purchase>(&self.store, &key, version)?;
                let found = found.filter(|found| {
                    !found.document.is_erased && replay.has(found.document.content.fecha)
                });
                changes.extend(found.map(|found| found.document.change(version)));
                if changes.len() == AT_ONCE || version == latest.version {
                    leases.extend()?;
                    self.write(&changes, trace, &mut done).await?;
                    changes.clear();
                }
            }
        }
        Ok(done)
    }

    async fn replay_records(
        &self,
        page: &ReplayPage,
        replay: &Replay,
        trace: &Trace,
        leases: &Leases<'_>,
    ) -> Result<Done, Failure> {
        let after = page.after.as_deref().and_then(|after| after.parse().ok());
        let index = keys::stream_index(&page.tenant);
        let entries = records::entries(self.redis, slice(&index, after.as_ref()))?;
        let mut done = Done {
            last: entries.last,
            ..Done::default()
        };
        for entries in entries.places.chunks(AT_ONCE) {
            leases.extend()?;
            let mut changes = Vec::new();
            for entry in entries {
                done.purchases += 1;
                let key = keys::stream_record(&page.tenant, &entry.member);
                let Some(kept) = self.store.get(&key)? else {
                    continue;
                };
                let message: ImportedMessage = serde_json::from_slice(&kept)?;
                let imported = Imported::read(&message).map_err(Failure::internal)?;
                if let Reading::Change(change) = imported.reading
                    && replay.has(change.content.fecha)
                {
                    changes.push(*change);
                }
            }
            self.write(&changes, trace, &mut done).await?;
        }
        Ok(done)
    }

    /// Writes the objects of changes.
    async fn write(
        &self,
        changes: &[Change],
        trace: &Trace,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let objects = self.objects.traced(trace);
        let objects = &objects;
        let writes = changes.iter().map(|change| async move {
            let line = archive::line(change)?;
            let key = Key::of(change);
            objects.put(&key.to_string(), line, CONTENT_TYPE).await?;
            Ok::<_, Failure>(key.day)
        });
        for day in try_join_all(writes).await? {
            done.objects += 1;
            done.days.insert(day);
        }
        Ok(())
    }
}

fn slice<'a>(index: &'a str, after: Option<&'a Place>) -> Slice<'a> {
    Slice {
        index,
        scores: (0, u64::MAX),
        after,
        limit: PAGE,
    }
}

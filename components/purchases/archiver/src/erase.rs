//! A removed purchase is erased.

use std::collections::BTreeSet;

use base::{Trace, log};
use purchases_domain::archive::Key;
use purchases_domain::{Purchase, Purge, keys};
use purchases_storage::compact_later;
use queue::{Change, Effect};
use records::Versioned;
use serde_json::json;
use worker::{Leases, Verdict};

use crate::work::{Archived, Archiver, not_written};

impl Archiver<'_> {
    /// Removes the objects and the documents of all versions up to the one that removed
    /// the purchase, and has the files of their days written anew without its lines.
    ///
    /// An interrupted erasure is repeated. A day is noted, and an object removed, before the
    /// document goes that names them.
    pub(crate) async fn erase(
        &self,
        purge: &Purge,
        trace: &Trace,
        leases: &Leases<'_>,
    ) -> Result<Archived, Verdict> {
        let Purge {
            tenant_id,
            compra_id,
            version: last,
        } = purge;
        let record = keys::record(tenant_id, compra_id);
        let objects = self.objects.traced(trace);
        let queue = worker::open(self.redis, keys::MAINTENANCE)?;
        let mut days = BTreeSet::new();
        for version in 1..=*last {
            leases.extend()?;
            let found = records::version::<Purchase>(&self.store, &record, version);
            let Some(found) = found? else {
                continue;
            };
            if found.document.is_erased {
                continue;
            }
            let key = Key::of(&found.document.change(version));
            if days.insert(key.day.clone()) {
                let day = &key.day;
                let noted = Effect::Set {
                    key: keys::erased(&day.tenant, &day.date),
                    fields: vec![(compra_id.to_string(), last.to_string().into_bytes())],
                };
                let compacted = compact_later(day, self.compact_after)?;
                let change = Change::new().with(noted).with(compacted);
                queue.commit(&change)?;
            }
            objects
                .delete(&key.to_string())
                .await
                .map_err(not_written)?;
            if version == *last {
                let document = found.document.erased();
                let erased = Versioned { version, document };
                records::write(&self.store, &record, &erased)?;
            } else {
                records::forget(&self.store, &record, version)?;
            }
        }
        let latest = records::latest::<Purchase>(&self.store, &record)?;
        let Some(latest) = latest else {
            let detail = "the version that removed the purchase is not stored yet";
            return Err(Verdict::Postpone(detail.to_owned()));
        };
        // Readers start here, and so at no version before it.
        records::point(&self.store, &record, &latest)?;
        let mut effects = Vec::new();
        if latest.version == *last {
            effects.push(Effect::Unset {
                key: keys::COUNTED.to_owned(),
                field: keys::counted(tenant_id, compra_id),
            });
        }
        let fields = json!({"tenant": tenant_id, "compra": compra_id, "versions": last});
        log::info(trace, "a purchase was erased", fields);
        Ok(Archived {
            counting: None,
            effects,
        })
    }
}

//! Messages of the queue and the work for each type.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use base::Failure;
use futures::future::join_all;
use objects::Objects;
use purchases_domain::archive::Day;
use purchases_domain::{Incoming, KINDS, Purchase, keys, metrics, occurred};
use purchases_storage::{Counting, counting};
use queue::Effect;
use records::{Carries, Received};
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Trouble, Verdict, Work};

pub(crate) type Task<'m> = worker::Task<'m, Incoming>;

/// The messages that one call of `work` handles for each that the policy would have it: an
/// object of the archive is small, and its request waits for the network.
const PER_SLOT: usize = 4;

pub(crate) struct Archiver<'a> {
    pub(crate) redis: &'a SpinRedis,
    pub(crate) store: SpinKeyValue,
    pub(crate) objects: Objects,
    /// How long after its last change a finished day is compacted.
    pub(crate) compact_after: Duration,
    /// Counts that are not settled yet.
    pub(crate) tally: RefCell<metrics::Tally>,
    /// The effects that all archived changes of a day share, by days: the day's tenant is
    /// indexed, and the day is compacted later. They are not settled yet.
    pub(crate) marks: RefCell<BTreeMap<Day, [Effect; 2]>>,
}

/// A message whose objects are written.
pub(crate) struct Archived {
    /// How the change is counted.
    pub(crate) counting: Option<Counting>,
    /// The other effects.
    pub(crate) effects: Vec<Effect>,
}

impl Work for Archiver<'_> {
    type Message<'m> = Incoming;

    const ABANDONED: &'static str = "every worker died while it archived the change";

    fn share(&self, concurrency: usize) -> Share {
        Share {
            per_call: concurrency.saturating_mul(PER_SLOT),
            calls: 1,
        }
    }

    fn repair(&self, received: &Received<'_>) -> Result<Carries, Failure> {
        received.repair::<Purchase>(&self.store)
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        match &task.message {
            Incoming::Changed(changed) => {
                let purchase = &changed.document;
                json!({"tenant": purchase.tenant_id, "compra": purchase.compra_id, "version": changed.version})
            }
            Incoming::Imported(imported) => json!({"record": imported.key}),
            Incoming::Purge(purge) => {
                json!({"tenant": purge.tenant_id, "compra": purge.compra_id, "erase": purge.version})
            }
        }
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let is_told = webhooks::is_any_wanted(self.redis, &KINDS)?;
        let archived = join_all(tasks.iter().map(|task| self.archive(task, leases, is_told))).await;
        let mut verdicts = Vec::with_capacity(tasks.len());
        let mut counted = Vec::new();
        let mut places = Vec::new();
        for (nth, archived) in archived.into_iter().enumerate() {
            verdicts.push(match archived {
                Ok(archived) => {
                    if let Some(counting) = archived.counting {
                        counted.push(counting);
                        places.push(nth);
                    }
                    Verdict::Done(archived.effects)
                }
                Err(verdict) => verdict,
            });
        }
        let counted = counting(self.redis, &counted)?;
        for (nth, counted) in places.into_iter().zip(counted) {
            if let Some(Verdict::Done(effects)) = verdicts.get_mut(nth) {
                effects.extend(counted);
            }
        }
        Ok(verdicts)
    }

    async fn give_up(&self, _: &Task<'_>, _: &Trouble) -> Result<Vec<Effect>, Failure> {
        self.tally.borrow_mut().count(metrics::FAILED);
        Ok(Vec::new())
    }

    fn after(&self) -> Vec<Effect> {
        let marks = std::mem::take(&mut *self.marks.borrow_mut());
        let tally = self.tally.borrow_mut().take();
        marks.into_values().flatten().chain(tally).collect()
    }
}

impl Archiver<'_> {
    /// `is_told` says that an endpoint wants events of purchases.
    async fn archive(
        &self,
        task: &Task<'_>,
        leases: &Leases<'_>,
        is_told: bool,
    ) -> Result<Archived, Verdict> {
        match &task.message {
            Incoming::Changed(changed) => {
                let purchase = &changed.document;
                let change = purchase.change(changed.version);
                let field = keys::counted(&purchase.tenant_id, &purchase.compra_id);
                let mut archived = self.archive_change(&change, field, &task.trace).await?;
                if is_told {
                    let told = occurred(changed, &task.trace);
                    archived.effects.push(told?);
                }
                Ok(archived)
            }
            Incoming::Imported(message) => self.import(task, message).await,
            Incoming::Purge(purge) => self.erase(purge, &task.trace, leases).await,
        }
    }
}

/// The verdict on a message whose object was not written. Only a key that no object can
/// have is the message's own fault.
pub(crate) fn not_written(error: objects::Error) -> Verdict {
    match error {
        objects::Error::InvalidKey(_) => Verdict::Dead(error.to_string().into()),
        _ => Verdict::Postpone(error.to_string()),
    }
}

//! Messages of the queue and the work for each type.

use std::time::Duration;

use base::Failure;
use objects::Objects;
use purchases_domain::Maintenance;
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Verdict, Work, one_by_one};

pub(crate) type Task<'m> = worker::Task<'m, Maintenance>;

pub(crate) struct Maintainer<'a> {
    pub(crate) redis: &'a SpinRedis,
    pub(crate) store: SpinKeyValue,
    pub(crate) objects: Objects,
    /// How long after its last change a finished day is compacted.
    pub(crate) compact_after: Duration,
    /// Whether the objects of changes are deleted when their day is compacted.
    pub(crate) deletes_originals: bool,
}

impl Work for Maintainer<'_> {
    type Message<'m> = Maintenance;

    const ABANDONED: &'static str = "every worker died while it worked on the archive";

    /// One message at a time: each reads and writes many objects.
    fn share(&self, _: usize) -> Share {
        Share::ONE
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        match &task.message {
            Maintenance::Compact(compact) => json!({"tenant": compact.tenant, "day": compact.day}),
            Maintenance::Replay(page) => json!({"replay": page.id, "tenant": page.tenant}),
        }
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        one_by_one(tasks, async |task| match &task.message {
            Maintenance::Compact(compact) => self.compact(compact, task, leases).await,
            Maintenance::Replay(page) => self.replay(page, task, leases).await,
        })
        .await
    }
}

//! What is to be settled of a batch, in one go.

use std::collections::HashMap;

use base::{Trace, log, now_millis};
use jobs_domain::{JobId, Outcome, ToonResult};
use queue::{Delivery, Effect, Queue, Settlement};
use serde_json::json;
use stores::Redis;

use crate::settings::Settings;
use crate::toons::Toon;

/// Toons that a worker is through with and that are not settled yet.
#[derive(Default)]
pub(crate) struct Batch {
    settlements: Vec<Settlement>,
    /// The jobs of toons that are finished, each with how many of them there are.
    jobs: HashMap<JobId, (Trace, usize)>,
}

impl Batch {
    /// A toon that ended at a time (RFC 3339). `dead` makes its message a dead letter.
    pub(crate) fn end(
        &mut self,
        toon: &Toon<'_>,
        at: &str,
        outcome: Outcome,
        dead: Option<Effect>,
    ) -> Result<(), base::Failure> {
        let message = &toon.message;
        let result = ToonResult {
            toon_id: &message.toon_id,
            outcome,
            attempts: toon.delivery.attempt,
            processed_at: at,
        };
        let mut settlement = Settlement::of(toon.delivery);
        let effects = jobs_storage::ended(&message.job, message.index, &result)?;
        for effect in effects.into_iter().chain(dead) {
            settlement = settlement.with(effect);
        }
        self.settlements.push(settlement);
        match self.jobs.get_mut(&*message.job) {
            Some((_, count)) => *count += 1,
            None => {
                let job = message.job.clone().into_owned();
                self.jobs.insert(job, (message.trace.clone(), 1));
            }
        }
        Ok(())
    }

    /// A message that nothing comes of.
    pub(crate) fn drop(&mut self, delivery: &Delivery) {
        self.settlements.push(Settlement::of(delivery));
    }

    /// A message that goes elsewhere.
    pub(crate) fn send(&mut self, delivery: &Delivery, elsewhere: Effect) {
        self.settlements
            .push(Settlement::of(delivery).with(elsewhere));
    }

    /// Settles everything and begins anew.
    pub(crate) fn settle<R: Redis>(
        &mut self,
        queue: &Queue<'_, R>,
        settings: &Settings,
    ) -> Result<(), base::Failure> {
        let Self { settlements, jobs } = std::mem::take(self);
        if settlements.is_empty() {
            return Ok(());
        }
        let now = now_millis();
        let keep = |job| jobs_storage::keep(job, now, settings.retention);
        let after = |job| jobs_storage::tally(job).into_iter().chain(keep(job));
        let after: Vec<_> = jobs.keys().flat_map(after).collect();
        queue.settle(&settlements, &after)?;
        for (job, (trace, count)) in &jobs {
            let fields = json!({"jobId": job, "toons": count});
            log::info(trace, "toons were processed", fields);
        }
        Ok(())
    }
}

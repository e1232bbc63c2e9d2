//! The objects of a finished day become few.

mod claim;
mod erased;
mod files;
mod stopped;

use std::time::{Duration, Instant};

use base::{Failure, log};
use purchases_domain::archive::Day;
use purchases_domain::compaction::{Compaction, Limits};
use purchases_domain::{Compact, Fecha, keys};
use queue::{Message, QueueNames};
use serde_json::json;
use worker::{Leases, Verdict};

use self::claim::Claim;
use self::files::Files;
use self::stopped::Stopped;
use crate::work::{Maintainer, Task};

/// How long a message is worked on before another one goes on, about: platforms end a
/// request after 30 s, and the last part is still to be written.
const TIME: Duration = Duration::from_secs(10);

impl Maintainer<'_> {
    /// Does a run of the compaction of a day, and publishes the message for the next one.
    pub(crate) async fn compact(
        &self,
        compact: &Compact,
        task: &Task<'_>,
        leases: &Leases<'_>,
    ) -> Result<Verdict, Failure> {
        if let Err(error) = Fecha::of_day(&compact.day) {
            return Ok(Verdict::Dead(format!("the day {error}").into()));
        }
        let day = Day {
            tenant: compact.tenant.clone(),
            date: compact.day.clone(),
        };
        let Some(claim) = Claim::take(self.redis, &day)? else {
            return Ok(Verdict::Postpone("another worker is on the day".to_owned()));
        };
        let files = Files {
            redis: self.redis,
            objects: self.objects.traced(&task.trace),
            day: &day,
            claim: &claim,
            leases,
            until: Instant::now() + TIME,
            trace: &task.trace,
        };
        match self.run(compact, &files).await {
            Ok(verdict) => Ok(verdict),
            Err(Stopped::Failed(failure)) => Err(failure),
            Err(Stopped::Broken(broken)) => Ok(Verdict::retry(broken.to_string())),
            Err(Stopped::Lost) => {
                let reason = "another worker took over the day";
                Ok(Verdict::Postpone(reason.to_owned()))
            }
        }
    }

    async fn run(&self, compact: &Compact, files: &Files<'_>) -> Result<Verdict, Stopped> {
        let (erased, has_more) = erased::read(self.redis, files.day)?;
        let compaction = Compaction {
            day: files.day,
            after: compact.after.as_deref(),
            erased: &erased,
            deletes_originals: self.deletes_originals,
            limits: Limits::default(),
        };
        let done = compaction.run(files).await?;
        let fields = json!({
            "tenant": compact.tenant, "day": compact.day, "added": done.added,
            "erased": done.erased, "deleted": done.deleted, "parts": done.parts,
            "done": done.next.is_none(),
        });
        log::info(files.trace, "a day was compacted", fields);
        let is_done = done.next.is_none();
        if is_done {
            erased::forget(self.redis, files.day, &erased)?;
        }
        let next = Compact {
            after: done.next,
            ..compact.clone()
        };
        let mut effects = Vec::new();
        if !is_done || has_more {
            let message = next.encode(files.trace)?;
            effects.push(QueueNames::new(keys::MAINTENANCE).send(message));
        }
        Ok(Verdict::Done(effects))
    }
}

//! The component: the loop of exports.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use queue::{Policy, Queue};
use serde_json::{Value, json};
use stores::SpinRedis;
use telemetry::{Export, QUEUE};
use worker::{Leases, Share, Verdict, Work, one_by_one};

use crate::collector::{Outcome, export};
use crate::config::Config;

/// The time after which no further batch is begun; another export goes on.
const MAX_TIME: Duration = Duration::from_secs(15);

worker::exports!(QUEUE, open);

async fn open<'a>(queue: &Queue<'a, SpinRedis>) -> Result<Exporter<'a>, Failure> {
    Ok(Exporter {
        redis: queue.redis(),
        config: Config::from_variables(base::text)?,
    })
}

struct Exporter<'a> {
    redis: &'a SpinRedis,
    config: Config,
}

impl Work for Exporter<'_> {
    type Message<'m> = Export;

    const ABANDONED: &'static str = "every worker died while it exported spans";
    const COUNTS_DEATHS: bool = false;

    fn share(&self, _: usize) -> Share {
        Share::ONE
    }

    /// Never gives up: spans are bounded, so a collector may be away for as long as it likes.
    fn next_try(&self, policy: &Policy, attempt: u32, not_before: Duration) -> Option<Duration> {
        Some(policy.delay_with_min(attempt, base::random(), not_before))
    }

    fn fields(&self, _: &worker::Task<'_, Export>) -> Value {
        json!({})
    }

    async fn work(
        &self,
        tasks: &[worker::Task<'_, Export>],
        leases: &Leases<'_>,
    ) -> Result<Vec<Verdict>, Failure> {
        one_by_one(tasks, async |task| {
            self.export_all(&task.trace, leases).await
        })
        .await
    }
}

impl Exporter<'_> {
    async fn export_all(&self, trace: &Trace, leases: &Leases<'_>) -> Result<Verdict, Failure> {
        let started = Instant::now();
        while started.elapsed() < MAX_TIME {
            leases.extend()?;
            let spans = telemetry::take(self.redis)?;
            if spans.is_empty() {
                return Ok(Verdict::Done(Vec::new()));
            }
            let count = spans.len();
            match export(&outbound::Spin, &self.config, &spans).await? {
                Outcome::Exported { refused } => {
                    log::info(trace, "spans were exported", json!({"spans": count}));
                    if let Some((count, reason)) = refused {
                        let fields = json!({"spans": count, "error": reason});
                        log::warn(trace, "the collector refused spans", fields);
                    }
                }
                Outcome::Refused(error) => {
                    let fields = json!({"spans": count, "error": error});
                    log::error(trace, "the collector refused spans", fields);
                }
                Outcome::Failed { error, not_before } => {
                    telemetry::keep_again(self.redis, &spans)?;
                    return Ok(Verdict::Retry {
                        trouble: error.into(),
                        not_before,
                    });
                }
            }
        }
        Ok(Verdict::Done(vec![Export::soon()?]))
    }
}

//! Files: from a workbook to its CSV.

use std::time::{Duration, Instant};

use base::{Failure, Timestamp, log};
use ipp_domain::{FileState, ForFile, Status, WorkOnFile};
use ipp_sheet::{Error, Limits, Report};
use ipp_storage::Ipp;
use objects::Objects;
use queue::{Effect, Queue};
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Trouble, Verdict, Work, one_by_one};

use crate::rule::{self, apply};

type Task<'m> = worker::Task<'m, ForFile>;

/// The time for a workbook.
const TIME: Duration = Duration::from_secs(10);

/// The warnings that a job keeps of a file.
const MAX_WARNINGS: usize = 20;

/// The media type of CSV (RFC 7111).
const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";

pub(crate) struct Processor<'a> {
    /// The queue of jobs.
    pub(crate) jobs: Queue<'a, SpinRedis>,
    pub(crate) store: SpinKeyValue,
    /// The bucket of workbooks.
    pub(crate) raw: Objects,
    /// The bucket of CSV.
    pub(crate) processed: Objects,
}

impl Work for Processor<'_> {
    type Message<'m> = ForFile;

    const ABANDONED: &'static str = "every worker died while it worked on the file";

    /// One workbook at a time: it takes much of a component's memory.
    fn share(&self, _: usize) -> Share {
        Share::ONE
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        let WorkOnFile { job_id, raw, .. } = &task.message.0;
        json!({"job_id": job_id, "file": raw})
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        one_by_one(tasks, async |task| self.file(task, leases).await).await
    }

    /// A file that cannot be processed fails its job.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        let reason = trouble.shown.clone();
        self.end(task, FileState::Failed { reason })?;
        Ok(Vec::new())
    }
}

/// The bytes of this instance's memory. They never decrease, so it is the peak.
fn memory() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) * 65_536;
    #[cfg(not(target_arch = "wasm32"))]
    return 0;
}

fn ms(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

impl Processor<'_> {
    async fn file(&self, task: &Task<'_>, leases: &Leases<'_>) -> Result<Verdict, Failure> {
        let WorkOnFile {
            job_id,
            raw,
            processed,
        } = &task.message.0;
        let job = ipp_storage::committed(self.jobs.redis(), &self.store, job_id)?;
        if job.is_none_or(|job| job.document.status != Status::Processing) {
            return Ok(Verdict::Drop("its job does not wait for it any more"));
        }
        let begun = Instant::now();
        let limits = Limits::default();
        let max_bytes = limits.file_bytes as u64;
        let workbook = match self.raw.traced(&task.trace).get(raw, max_bytes).await {
            Ok(Some(object)) => object.bytes,
            Ok(None) => {
                return self.failed(task, begun, "the file is not there any more".to_owned());
            }
            Err(objects::Error::TooLarge { limit, .. }) => {
                let reason = format!("the file has more than {limit} bytes: divide it");
                return self.failed(task, begun, reason);
            }
            Err(error) => return Err(error.into()),
        };
        leases.extend()?;
        let started = Instant::now();
        let mut csv = Vec::new();
        let is_over = || started.elapsed() >= TIME;
        let report = match ipp_sheet::convert(workbook, &limits, is_over, &mut csv, apply) {
            Ok(report) => report,
            Err(Error::Rejected(rejected)) => {
                return self.failed(task, started, rejected.to_string());
            }
            Err(Error::Transform(rule::Failure::Invalid(reason))) => {
                return self.failed(task, started, reason);
            }
            Err(Error::Transform(rule::Failure::Retry(reason))) => {
                return Ok(Verdict::retry(reason));
            }
            Err(Error::Provider(reason)) => {
                let error = format!("the rule returned {reason}");
                return Ok(Verdict::Dead(error.into()));
            }
            Err(Error::Write(error)) => return Err(Failure::internal(error)),
        };
        leases.extend()?;
        let stored = self.processed.traced(&task.trace);
        let bytes = csv.len();
        stored.put(processed, csv, CONTENT_TYPE).await?;
        let fields = json!({"job_id": job_id, "file": raw, "rows": report.rows, "bytes": bytes,
            "warnings": report.warning_count, "ms": ms(started), "memory": memory()});
        log::info(&task.trace, "a workbook was processed", fields);
        self.end(task, state(&report))?;
        Ok(Verdict::Done(Vec::new()))
    }

    /// Fails the file, and its job with it: a retry cannot help.
    fn failed(
        &self,
        task: &Task<'_>,
        started: Instant,
        reason: String,
    ) -> Result<Verdict, Failure> {
        let WorkOnFile { job_id, raw, .. } = &task.message.0;
        let fields = json!({"job_id": job_id, "file": raw, "reason": reason,
            "ms": ms(started), "memory": memory()});
        log::warn(&task.trace, "a workbook cannot be processed", fields);
        self.end(task, FileState::Failed { reason })?;
        Ok(Verdict::Done(Vec::new()))
    }

    /// Stores how the work on a file ended. A repetition changes nothing.
    fn end(&self, task: &Task<'_>, state: FileState) -> Result<(), Failure> {
        let ipp = Ipp {
            queue: &self.jobs,
            store: &self.store,
            trace: &task.trace,
        };
        let WorkOnFile { job_id, raw, .. } = &task.message.0;
        let now = Timestamp::now();
        ipp.change(job_id, |job| job.file_ended(raw, state.clone(), now))?;
        Ok(())
    }
}

fn state(report: &Report) -> FileState {
    let kept = report.warnings.iter().take(MAX_WARNINGS);
    let mut warnings: Vec<_> = kept.map(ToString::to_string).collect();
    let left = report.warning_count.saturating_sub(warnings.len() as u64);
    if left > 0 {
        warnings.push(format!("and {left} more"));
    }
    FileState::Processed {
        rows: report.rows.into(),
        warnings,
    }
}

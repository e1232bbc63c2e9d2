//! The steps of a job, each a function from a job to its next version. `None` means that
//! nothing changes: the job has ended, or the news is old.

use std::time::Duration;

use base::Timestamp;
use databricks::{Progress, Run, RunId};

use crate::{Failed, File, FileState, Job, RunRecord, Status, Step};

/// The max files of a job: they are part of its document.
pub const MAX_FILES: usize = 200;

/// The min and the max time between two looks at a run.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The time that a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// In minutes.
    pub minutes: u64,
}

/// The key of the file that is made of a raw one: beside it, `raw_data` becomes
/// `processed_data`, and the type becomes `csv`.
pub fn processed_name(raw: &str) -> String {
    let (folder, name) = match raw.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), raw),
    };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    match stem.strip_prefix("raw_data") {
        Some(rest) => format!("{folder}processed_data{rest}.csv"),
        None => format!("{folder}processed_{stem}.csv"),
    }
}

impl Job {
    /// The time until the next look at the run: 1, 2, 4 ... at most 30 s, by the age of the
    /// step.
    pub fn pause(&self, now: Timestamp) -> Duration {
        let since = self.run().and_then(|(_, run)| run.since);
        let since = since.unwrap_or(self.created_at);
        let age = now.millis().saturating_sub(since.millis());
        Duration::from_millis(age).clamp(MIN_PAUSE, MAX_PAUSE)
    }

    /// Databricks has named the run that the job waits for.
    pub fn run_started(&self, run_id: RunId, now: Timestamp) -> Option<Self> {
        let (_, run) = self.run()?;
        if run.run_id.is_some() {
            return None;
        }
        let started = RunRecord {
            run_id: Some(run_id),
            state: Some("PENDING".to_owned()),
            ..run.clone()
        };
        Some(self.with_run(started, now))
    }

    /// Databricks has said how the run is.
    pub fn run_seen(&self, run: &Run, now: Timestamp) -> Option<Self> {
        let (step, known) = self.run()?;
        if known.run_id != Some(run.id) {
            return None;
        }
        let note = match &run.progress {
            Progress::SucceededWithFailures => Some(format!(
                "the run succeeded, but some of its tasks failed: {}",
                run.message
            )),
            _ => None,
        };
        let state = match &run.result {
            Some(result) => format!("{} {result}", run.life_cycle),
            None => run.life_cycle.clone(),
        };
        let seen = RunRecord {
            state: Some(state),
            page_url: run.page_url.clone().or_else(|| known.page_url.clone()),
            note,
            ..known.clone()
        };
        if seen == *known && run.progress == Progress::Running {
            return None;
        }
        let next = self.with_run(seen, now);
        Some(match (&run.progress, step) {
            (Progress::Running, _) => next,
            (Progress::Failed { reason }, _) => {
                let code = match self.is_canceled {
                    true => "canceled",
                    false => "run_failed",
                };
                next.failed_with(step, code, reason)
            }
            (_, Step::Job1) => next.with_status(Status::FirstDone),
            (_, _) => next.with_status(Status::Completed),
        })
    }

    /// The files that the first run wrote are found. There are none where `raw` is empty.
    pub fn files_found(&self, raw: &[String], now: Timestamp) -> Option<Self> {
        if self.status != Status::FirstDone {
            return None;
        }
        let mut next = self.at(now);
        next.files = raw
            .iter()
            .map(|raw| File {
                raw: raw.clone(),
                processed: processed_name(raw),
                state: FileState::Waiting,
            })
            .collect();
        Some(match raw.len() {
            0 => {
                let reason = format!(
                    "the run succeeded but wrote no .xlsx file: it has to write {}/raw_data.xlsx",
                    self.job_id
                );
                next.failed_with(Step::Processing, "no_files", &reason)
            }
            count if count > MAX_FILES => {
                next.files.clear();
                let reason = format!("the run wrote more than {MAX_FILES} .xlsx files");
                next.failed_with(Step::Processing, "too_many_files", &reason)
            }
            _ => next.with_status(Status::Processing),
        })
    }

    /// The work on a file has ended, as `Processed` or `Failed`. The last one ends the step,
    /// a failed one the job.
    pub fn file_ended(&self, raw: &str, state: FileState, now: Timestamp) -> Option<Self> {
        if self.status != Status::Processing {
            return None;
        }
        let mut next = self.at(now);
        let file = next.files.iter_mut().find(|file| file.raw == raw)?;
        if file.state != FileState::Waiting {
            return None;
        }
        file.state = state;
        if let FileState::Failed { reason } = &file.state {
            let reason = format!("{raw}: {reason}");
            return Some(next.failed_with(Step::Processing, "file_failed", &reason));
        }
        let is_done = |file: &File| matches!(file.state, FileState::Processed { .. });
        if !next.files.iter().all(is_done) {
            return Some(next);
        }
        Some(match &mut next.second {
            Some(second) => {
                second.since = Some(now);
                next.with_status(Status::SecondRunning)
            }
            None => next.with_status(Status::Completed),
        })
    }

    /// The job cannot go on.
    pub fn fail(&self, code: &str, reason: &str, now: Timestamp) -> Option<Self> {
        let step = match self.status {
            Status::FirstRunning => Step::Job1,
            Status::FirstDone | Status::Processing => Step::Processing,
            Status::SecondRunning => Step::Job2,
            Status::Completed | Status::Failed => return None,
        };
        Some(self.at(now).failed_with(step, code, reason))
    }

    /// Its owner wants it to end: at once, or when its run has ended.
    pub fn cancel(&self, now: Timestamp) -> Option<Self> {
        if self.run().is_none() {
            return self.fail("canceled", "the job was canceled", now);
        }
        (!self.is_canceled).then(|| Self {
            is_canceled: true,
            ..self.at(now)
        })
    }

    /// Why the run has taken too long, if it has.
    pub fn overdue(&self, timeout: Timeout, now: Timestamp) -> Option<String> {
        let (_, run) = self.run()?;
        let since = run.since.unwrap_or(self.created_at);
        let age = now.millis().saturating_sub(since.millis());
        let is_over = age >= timeout.minutes.saturating_mul(60_000);
        is_over.then(|| {
            let minutes = timeout.minutes;
            match &run.run_id {
                None => format!("Databricks did not start the run within {minutes} minutes"),
                Some(run) => format!(
                    "the run {run} did not end within {minutes} minutes (ipp_run_timeout_minutes)"
                ),
            }
        })
    }

    fn at(&self, now: Timestamp) -> Self {
        Self {
            updated_at: now.max(self.updated_at),
            ..self.clone()
        }
    }

    fn with_status(self, status: Status) -> Self {
        Self { status, ..self }
    }

    fn with_run(&self, run: RunRecord, now: Timestamp) -> Self {
        let next = self.at(now);
        match self.status {
            Status::SecondRunning => Self {
                second: Some(run),
                ..next
            },
            _ => Self { first: run, ..next },
        }
    }

    fn failed_with(self, step: Step, code: &str, reason: &str) -> Self {
        /// The max bytes that are kept of a reason: Databricks may have written it.
        const MAX_REASON: usize = 1024;
        let failed = Failed {
            step,
            code: code.to_owned(),
            reason: base::shorten(reason, MAX_REASON).to_owned(),
        };
        Self {
            status: Status::Failed,
            failed: Some(failed),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;

    use super::*;
    use crate::{JobId, Mode, Origin, UserInfo};

    const RUN: u64 = u64::MAX >> 1;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000)
    }

    fn job(second: Option<u64>) -> Job {
        let origin = Origin {
            owner: "ana".into(),
            mode: Mode::Manual,
            user_info: UserInfo::default(),
            trace: Trace::new(),
        };
        let mostradores = vec!["7051602".parse().unwrap()];
        Job::create(JobId::random(), origin, mostradores, (789, second), at(0))
    }

    fn run(id: u64, life_cycle: &str, result: Option<&str>, progress: Progress) -> Run {
        Run {
            id: RunId(id),
            page_url: Some("https://example.com/run".into()),
            life_cycle: life_cycle.into(),
            result: result.map(str::to_owned),
            message: "told".into(),
            progress,
        }
    }

    fn running(id: u64) -> Run {
        run(id, "RUNNING", None, Progress::Running)
    }

    fn succeeded(id: u64) -> Run {
        run(id, "TERMINATED", Some("SUCCESS"), Progress::Succeeded)
    }

    fn processed() -> FileState {
        FileState::Processed {
            rows: 3,
            warnings: Vec::new(),
        }
    }

    fn with_files(second: Option<u64>, files: &[&str]) -> Job {
        let job = job(second).run_started(RunId(RUN), at(1)).unwrap();
        let job = job.run_seen(&succeeded(RUN), at(2)).unwrap();
        assert_eq!(job.status, Status::FirstDone);
        let files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        job.files_found(&files, at(3)).unwrap()
    }

    #[test]
    fn a_job_goes_through_its_runs_and_files_to_the_end() {
        let job = with_files(Some(790), &["j/raw_data.xlsx"]);
        assert_eq!(
            (job.status, job.status.progress()),
            (Status::Processing, 60)
        );
        assert_eq!(job.files[0].processed, "j/processed_data.csv");
        assert_eq!(job.run(), None);
        let job = job
            .file_ended("j/raw_data.xlsx", processed(), at(4))
            .unwrap();
        assert_eq!(
            (job.status, job.status.progress()),
            (Status::SecondRunning, 80)
        );
        let job = job.run_started(RunId(8), at(5)).unwrap();
        // News of the first run are old.
        assert_eq!(job.run_seen(&succeeded(RUN), at(6)), None);
        let job = job.run_seen(&running(8), at(6)).unwrap();
        let job = job.run_seen(&succeeded(8), at(7)).unwrap();
        assert_eq!(
            (job.status, job.status.progress()),
            (Status::Completed, 100)
        );
        assert_eq!(job.first.run_id, Some(RunId(RUN)));
        assert_eq!(job.fail("x", "y", at(8)), None);
        assert_eq!(job.cancel(at(8)), None);
    }

    #[test]
    fn without_a_second_job_the_files_are_the_results() {
        let job = with_files(None, &["j/raw_data.xlsx"]);
        let job = job
            .file_ended("j/raw_data.xlsx", processed(), at(4))
            .unwrap();
        assert_eq!(job.status, Status::Completed);
    }

    #[test]
    fn a_look_without_news_changes_nothing() {
        let job = job(None).run_started(RunId(RUN), at(1)).unwrap();
        let job = job.run_seen(&running(RUN), at(2)).unwrap();
        assert_eq!(job.first.state.as_deref(), Some("RUNNING"));
        assert_eq!(job.run_seen(&running(RUN), at(3)), None);
        assert_eq!(job.run_started(RunId(9), at(3)), None);
        assert_eq!(job.run_seen(&running(9), at(3)), None, "another run");
    }

    #[test]
    fn a_failed_run_fails_the_job_with_its_step_and_reason() {
        let job = job(None).run_started(RunId(RUN), at(1)).unwrap();
        let reason = "the cluster was lost".to_owned();
        let failed = run(RUN, "INTERNAL_ERROR", None, Progress::Failed { reason });
        let failed = job.run_seen(&failed, at(2)).unwrap();
        assert_eq!(
            (failed.status, failed.status.progress()),
            (Status::Failed, 0)
        );
        let why = failed.failed.unwrap();
        assert_eq!((why.step, &*why.code), (Step::Job1, "run_failed"));
        assert_eq!(why.reason, "the cluster was lost");
    }

    #[test]
    fn a_run_whose_tasks_failed_in_part_goes_on_and_says_so() {
        let job = job(None).run_started(RunId(RUN), at(1)).unwrap();
        let partly = run(
            RUN,
            "TERMINATED",
            Some("SUCCESS_WITH_FAILURES"),
            Progress::SucceededWithFailures,
        );
        let job = job.run_seen(&partly, at(2)).unwrap();
        assert_eq!(job.status, Status::FirstDone);
        assert!(
            job.message().contains("some of its tasks failed"),
            "{}",
            job.message()
        );
    }

    #[test]
    fn a_run_without_files_is_a_failure_that_says_what_to_write() {
        let job = with_files(None, &[]);
        let why = job.failed.unwrap();
        assert_eq!((why.step, &*why.code), (Step::Processing, "no_files"));
        assert!(why.reason.contains("/raw_data.xlsx"), "{}", why.reason);
        let many: Vec<_> = (0..=MAX_FILES).map(|n| format!("j/{n}.xlsx")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let why = with_files(None, &many).failed.unwrap();
        assert_eq!(why.code, "too_many_files");
    }

    #[test]
    fn each_file_counts_once_and_a_failed_one_ends_the_job() {
        let job = with_files(None, &["a.xlsx", "b.xlsx"]);
        let first = job.file_ended("a.xlsx", processed(), at(4)).unwrap();
        assert_eq!(first.status, Status::Processing);
        assert_eq!(
            first.file_ended("a.xlsx", processed(), at(5)),
            None,
            "again"
        );
        assert_eq!(
            first.file_ended("c.xlsx", processed(), at(5)),
            None,
            "unknown"
        );
        let done = first.file_ended("b.xlsx", processed(), at(5)).unwrap();
        assert_eq!(done.status, Status::Completed);
        let reason = "row 7 has no quantity".to_owned();
        let failed = first.file_ended("b.xlsx", FileState::Failed { reason }, at(5));
        let why = failed.unwrap().failed.unwrap();
        assert_eq!(why.reason, "b.xlsx: row 7 has no quantity");
    }

    #[test]
    fn a_canceled_job_ends_with_its_run_and_at_once_without_one() {
        let job = job(None).run_started(RunId(RUN), at(1)).unwrap();
        let canceled = job.cancel(at(2)).unwrap();
        assert_eq!(canceled.status, Status::FirstRunning);
        assert_eq!(canceled.cancel(at(3)), None, "again");
        let reason = "CANCELED".to_owned();
        let ended = run(
            RUN,
            "TERMINATED",
            Some("CANCELED"),
            Progress::Failed { reason },
        );
        let ended = canceled.run_seen(&ended, at(3)).unwrap();
        assert_eq!(ended.failed.unwrap().code, "canceled");
        let processing = with_files(None, &["a.xlsx"]).cancel(at(4)).unwrap();
        assert_eq!(processing.status, Status::Failed);
    }

    #[test]
    fn looks_come_after_1_2_4_and_at_most_30_seconds() {
        let job = job(None);
        let mut seconds = 0;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = job.pause(at(seconds)).as_secs();
            pauses.push(pause);
            seconds += pause;
        }
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_run_that_does_not_end_in_time_is_overdue() {
        let timeout = Timeout { minutes: 2 };
        let job = job(None);
        assert_eq!(job.overdue(timeout, at(119)), None);
        let told = job.overdue(timeout, at(120)).unwrap();
        assert!(told.contains("did not start"), "{told}");
        let started = job.run_started(RunId(RUN), at(1)).unwrap();
        let told = started.overdue(timeout, at(120)).unwrap();
        assert!(told.contains("9223372036854775807"), "{told}");
        assert_eq!(
            with_files(None, &["a.xlsx"]).overdue(timeout, at(999)),
            None
        );
    }

    #[test]
    fn a_processed_file_is_named_after_its_raw_one() {
        for (raw, processed) in [
            ("ipp-1/raw_data.xlsx", "ipp-1/processed_data.csv"),
            (
                "ipp-1/raw_data_7051602.XLSX",
                "ipp-1/processed_data_7051602.csv",
            ),
            ("a/b/clientes.v2.xlsx", "a/b/processed_clientes.v2.csv"),
            ("raw_data.xlsx", "processed_data.csv"),
        ] {
            assert_eq!(processed_name(raw), processed);
        }
    }
}

//! The progress of a job.

use std::str::FromStr;

use serde::Serialize;

/// The status of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It waits for its time.
    Scheduled,
    /// It waits for a worker.
    Pending,
    /// Some toons are still to be processed.
    Processing,
    /// All toons have a result.
    Completed,
    /// All toons are finished, and some failed for good.
    CompletedWithErrors,
    /// It was canceled: toons that were not begun are not processed.
    Canceled,
}

/// A text that is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStatus;

impl Status {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 6] = [
        Self::Scheduled,
        Self::Pending,
        Self::Processing,
        Self::Completed,
        Self::CompletedWithErrors,
        Self::Canceled,
    ];

    /// Whether the job has ended. Only a retry of failed toons lets it go on.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::CompletedWithErrors | Self::Canceled
        )
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
            Self::Canceled => "CANCELED",
        }
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    /// Reads a name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let mut all = Self::ALL.into_iter();
        let known = all.find(|status| status.as_str().eq_ignore_ascii_case(text));
        known.ok_or(UnknownStatus)
    }
}

/// The counts of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All toons.
    pub total: u32,
    /// Finished toons, failed ones too.
    pub processed: u32,
    /// Toons that failed for good.
    pub failed: u32,
    /// Whether a worker has begun.
    pub started: bool,
    /// Whether it waits for its time.
    pub is_scheduled: bool,
    /// Whether it was canceled.
    pub is_canceled: bool,
}

impl Progress {
    /// The status that follows from the counts.
    pub fn status(&self) -> Status {
        if self.is_canceled {
            Status::Canceled
        } else if self.processed >= self.total {
            if self.failed == 0 {
                Status::Completed
            } else {
                Status::CompletedWithErrors
            }
        } else if self.started || self.processed > 0 {
            Status::Processing
        } else if self.is_scheduled {
            Status::Scheduled
        } else {
            Status::Pending
        }
    }

    /// Toons of a canceled job that are not processed; `None` for another job. Those in
    /// flight count until they are finished.
    pub fn canceled(&self) -> Option<u32> {
        let rest = self.total.saturating_sub(self.processed);
        self.is_canceled.then_some(rest)
    }

    /// The finished part in percent, rounded down: 100 only if all are finished.
    pub fn percent(&self) -> u32 {
        let percent = u64::from(self.processed.min(self.total)) * 100;
        percent
            .checked_div(u64::from(self.total))
            .and_then(|percent| percent.try_into().ok())
            .unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_from_pending_to_its_end() {
        use Status::{Completed, CompletedWithErrors, Pending, Processing};
        for (total, processed, failed, started, status, percent) in [
            (10_000, 0, 0, false, Pending, 0),
            (10_000, 0, 0, true, Processing, 0),
            (10_000, 99, 99, true, Processing, 0),
            (10_000, 100, 0, false, Processing, 1),
            (10_000, 9_999, 1, true, Processing, 99),
            (10_000, 10_000, 0, true, Completed, 100),
            (10_000, 10_000, 1, true, CompletedWithErrors, 100),
            (3, 2, 0, true, Processing, 66),
            (1, 1, 1, true, CompletedWithErrors, 100),
            (u32::MAX, u32::MAX - 1, 0, true, Processing, 99),
        ] {
            let progress = Progress {
                total,
                processed,
                failed,
                started,
                ..Progress::default()
            };
            assert_eq!(progress.status(), status, "{progress:?}");
            assert_eq!(progress.percent(), percent, "{progress:?}");
            assert_eq!(progress.status().is_final(), percent == 100);
            assert_eq!(progress.canceled(), None);
        }
    }

    #[test]
    fn a_job_that_waits_for_its_time_begins_as_any_other() {
        let mut progress = Progress {
            total: 3,
            is_scheduled: true,
            ..Progress::default()
        };
        assert_eq!(progress.status(), Status::Scheduled);
        assert!(!progress.status().is_final());
        progress.is_scheduled = false;
        assert_eq!(progress.status(), Status::Pending);
    }

    #[test]
    fn a_canceled_job_stays_canceled_while_those_in_flight_finish() {
        for processed in 0..=3 {
            for is_scheduled in [false, true] {
                let progress = Progress {
                    total: 3,
                    processed,
                    failed: 0,
                    started: processed > 0,
                    is_scheduled,
                    is_canceled: true,
                };
                assert_eq!(progress.status(), Status::Canceled);
                assert!(progress.status().is_final());
                assert_eq!(progress.canceled(), Some(3 - processed));
            }
        }
    }

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in Status::ALL {
            let written = serde_json::to_value(status).unwrap();
            assert_eq!(written, status.as_str());
            assert_eq!(status.as_str().to_lowercase().parse(), Ok(status));
        }
        for text in ["", "DONE", "COMPLETED ", "COMPLETED-WITH-ERRORS"] {
            assert_eq!(text.parse::<Status>(), Err(UnknownStatus), "{text}");
        }
    }
}

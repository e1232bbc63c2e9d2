//! The progress of a job.

use serde::Serialize;

/// The status of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It waits for a worker.
    Pending,
    /// Some toons are still to be processed.
    Processing,
    /// All toons have a result.
    Completed,
    /// All toons are finished, and some failed for good.
    CompletedWithErrors,
}

impl Status {
    /// Whether the status is final.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithErrors)
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
}

impl Progress {
    /// The status that follows from the counts.
    pub fn status(&self) -> Status {
        if self.processed >= self.total {
            if self.failed == 0 {
                Status::Completed
            } else {
                Status::CompletedWithErrors
            }
        } else if self.started || self.processed > 0 {
            Status::Processing
        } else {
            Status::Pending
        }
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
            };
            assert_eq!(progress.status(), status, "{progress:?}");
            assert_eq!(progress.percent(), percent, "{progress:?}");
            assert_eq!(progress.status().is_final(), percent == 100);
        }
    }
}

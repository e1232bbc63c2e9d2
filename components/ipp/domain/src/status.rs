//! The states of a job.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a job, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The first run of Databricks is to be started, waits or runs.
    #[serde(rename = "JOB1_RUNNING")]
    FirstRunning,
    /// The first run has succeeded; its files are not found yet.
    #[serde(rename = "JOB1_DONE")]
    FirstDone,
    /// The factor is applied to the files.
    Processing,
    /// The second run is to be started, waits or runs.
    #[serde(rename = "JOB2_RUNNING")]
    SecondRunning,
    /// The results are there.
    Completed,
    /// It ended without results.
    Failed,
}

impl Status {
    /// The progress in percent.
    pub fn progress(self) -> u8 {
        match self {
            Self::FirstRunning => 25,
            Self::FirstDone => 40,
            Self::Processing => 60,
            Self::SecondRunning => 80,
            Self::Completed => 100,
            Self::Failed => 0,
        }
    }

    /// Whether the job has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    /// The name, as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstRunning => "JOB1_RUNNING",
            Self::FirstDone => "JOB1_DONE",
            Self::Processing => "PROCESSING",
            Self::SecondRunning => "JOB2_RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step of a job that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Step {
    /// The first run.
    Job1,
    /// The files.
    Processing,
    /// The second run.
    Job2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_by_its_name() {
        for status in [
            Status::FirstRunning,
            Status::FirstDone,
            Status::Processing,
            Status::SecondRunning,
            Status::Completed,
            Status::Failed,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(serde_json::to_value(Step::Job1).unwrap(), "JOB1");
    }
}

//! Jobs, as they are stored.

use base::{Timestamp, Trace};
use databricks::RunId;
use serde::{Deserialize, Serialize};

use crate::{JobId, Mostrador, Status, Step};

/// A job: a run of Databricks, its files and the run after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub job_id: JobId,
    /// The subject that started it and owns it.
    pub owner: String,
    /// The status.
    pub status: Status,
    /// The way in which it was started.
    pub mode: Mode,
    /// The mostradores that it is about.
    pub mostradores: Vec<Mostrador>,
    /// The user who started it.
    pub user_info: UserInfo,
    /// The first run.
    pub first: RunRecord,
    /// The run after the files; `None` where there is no second job.
    pub second: Option<RunRecord>,
    /// The files that the first run wrote.
    pub files: Vec<File>,
    /// Whether its owner wants it to end.
    pub is_canceled: bool,
    /// Why it failed.
    pub failed: Option<Failed>,
    /// The ids of the request that started it: all its messages have them.
    pub trace: Trace,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

/// How a job was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By a user.
    Manual,
    /// By a schedule.
    Automatic,
}

/// A user, as the token names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The e-mail address.
    pub email: Option<String>,
    /// The e-mail address, or the subject where the token has none.
    pub username: String,
    /// The subject.
    pub sub: String,
    /// The name.
    pub name: Option<String>,
}

/// A run of a job of Databricks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The job of Databricks. Text, since JSON numbers lose digits in many clients.
    pub databricks_job_id: String,
    /// The run; `None` until Databricks has named it.
    pub run_id: Option<RunId>,
    /// When the step began.
    pub since: Option<Timestamp>,
    /// The state at the last look, as Databricks names it.
    pub state: Option<String>,
    /// The page of the run in the workspace.
    pub page_url: Option<String>,
    /// Databricks' words about an end that is not a plain success.
    pub note: Option<String>,
}

impl RunRecord {
    /// A run that was not started.
    pub fn of_job(databricks_job_id: u64) -> Self {
        Self {
            databricks_job_id: databricks_job_id.to_string(),
            run_id: None,
            since: None,
            state: None,
            page_url: None,
            note: None,
        }
    }
}

/// A file that the first run wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its key in the bucket of raw data.
    pub raw: String,
    /// The key of the file that is made of it, in the bucket of processed data.
    pub processed: String,
    /// How far it is.
    pub state: FileState,
}

/// The state of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileState {
    /// It waits or is in work.
    Waiting,
    /// It is processed.
    Processed {
        /// The rows of data.
        rows: u64,
        /// Notes for the author of the file, such as cells with errors; the first ones.
        warnings: Vec<String>,
    },
    /// It cannot be processed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The step.
    pub step: Step,
    /// A stable word for programs.
    pub code: String,
    /// The error, for a person.
    pub reason: String,
}

/// The origin of a new job.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The subject that owns the job.
    pub owner: String,
    /// How it is started.
    pub mode: Mode,
    /// The user.
    pub user_info: UserInfo,
    /// The ids of the request.
    pub trace: Trace,
}

impl Job {
    /// A new job. `databricks` are the ids of the first and the second job of Databricks.
    pub fn create(
        job_id: JobId,
        origin: Origin,
        mostradores: Vec<Mostrador>,
        databricks: (u64, Option<u64>),
        now: Timestamp,
    ) -> Self {
        let (first, second) = databricks;
        let first = RunRecord {
            since: Some(now),
            ..RunRecord::of_job(first)
        };
        Self {
            job_id,
            owner: origin.owner,
            status: Status::FirstRunning,
            mode: origin.mode,
            mostradores,
            user_info: origin.user_info,
            first,
            second: second.map(RunRecord::of_job),
            files: Vec::new(),
            is_canceled: false,
            failed: None,
            trace: origin.trace,
            created_at: now,
            updated_at: now,
        }
    }

    /// The run that the job waits for.
    pub fn run(&self) -> Option<(Step, &RunRecord)> {
        match self.status {
            Status::FirstRunning => Some((Step::Job1, &self.first)),
            Status::SecondRunning => Some((Step::Job2, self.second.as_ref()?)),
            _ => None,
        }
    }
}

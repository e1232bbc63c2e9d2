//! Runs of jobs.

use std::collections::BTreeMap;

use http::Method;
use outbound::Transport;
use serde::{Deserialize, Serialize};
use stores::Redis;

use crate::client::encode;
use crate::id::RunId;
use crate::state::{Run, RunBody};
use crate::{Databricks, Error};

/// The max bytes of `notebook_params` as JSON (Jobs API, `run-now`).
pub const MAX_PARAMS_BYTES: usize = 10_000;
/// The max characters of an idempotency token.
pub const MAX_TOKEN_LENGTH: usize = 64;

/// The max bytes of an answer about a run, which lists up to 100 tasks.
const MAX_RUN_BYTES: u64 = 4 * 1024 * 1024;
/// The max bytes of other answers.
const MAX_BYTES: u64 = 64 * 1024;

/// A request to run a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunNow {
    /// The job.
    pub job_id: u64,
    /// A request with the same token leads to the same run; at most [`MAX_TOKEN_LENGTH`]
    /// characters.
    pub idempotency_token: String,
    /// The parameters of notebooks; at most [`MAX_PARAMS_BYTES`].
    pub notebook_params: BTreeMap<String, String>,
}

impl RunNow {
    /// The size of the parameters as Databricks counts it: as the JSON of an object
    /// `{"notebook_params": {...}}`, with the escapes that Java's and Python's writers use.
    pub fn params_bytes(&self) -> usize {
        let text = |text: &String| serde_json::to_string(text).map_or(0, |json| escaped(&json));
        let params = self.notebook_params.iter();
        let params: usize = params
            .map(|(name, value)| text(name) + text(value) + 2)
            .sum();
        params + r#"{"notebook_params":{}}"#.len()
    }
}

/// The length of a JSON text whose characters beyond ASCII are written as `\uXXXX`.
fn escaped(json: &str) -> usize {
    json.chars()
        .map(|c| if c.is_ascii() { 1 } else { 6 * c.len_utf16() })
        .sum()
}

#[derive(Deserialize)]
struct Started {
    run_id: u64,
}

impl<R: Redis, T: Transport> Databricks<'_, R, T> {
    /// Starts a run, or finds the one that the same token started.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run_now(&self, run: &RunNow) -> Result<RunId, Error> {
        let body = encode(run)?;
        let path = "/api/2.2/jobs/run-now";
        let started = self.ask(Method::POST, path, body, MAX_BYTES).await;
        let started: Started = started.map_err(|error| match error {
            // It may have had its effect, and a run's id is short: something stands between.
            Error::TooLong(_) => Error::unavailable(error),
            error => error,
        })?;
        Ok(RunId(started.run_id))
    }

    /// Asks how a run is.
    ///
    /// # Errors
    /// [`Error::Unknown`] where Databricks does not keep the run any more; see [`Error`].
    pub async fn run(&self, id: RunId) -> Result<Run, Error> {
        let path = format!("/api/2.2/jobs/runs/get?run_id={id}");
        let run: RunBody = self
            .ask(Method::GET, &path, Vec::new(), MAX_RUN_BYTES)
            .await?;
        Ok(run.read(id))
    }

    /// Asks to cancel a run, which happens later. A run that has ended stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn cancel(&self, id: RunId) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Cancel {
            run_id: u64,
        }
        let body = encode(&Cancel { run_id: id.0 })?;
        let path = "/api/2.2/jobs/runs/cancel";
        self.send(Method::POST, path, body, MAX_BYTES).await?;
        Ok(())
    }
}

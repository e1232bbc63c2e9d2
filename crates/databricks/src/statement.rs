//! SQL statements.

use std::time::{Duration, Instant};

use http::Method;
use outbound::Transport;
use serde::{Deserialize, Serialize};
use stores::Redis;

use crate::client::encode;
use crate::{Databricks, Error};

/// The max bytes of an answer with rows. Databricks sends up to 25 MiB in line; a component
/// has 128 MiB, and ids take little.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The max rows of a result.
const MAX_ROWS: usize = 200_000;

/// The time that Databricks waits for the result before it answers `PENDING`: the shortest
/// that it takes, since the transport gives up after 7 s.
const WAIT: &str = "5s";

/// The pause before a look at a statement. It doubles from look to look.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// A statement with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    warehouse_id: String,
    statement: String,
    parameters: Vec<Parameter>,
    wait_timeout: &'static str,
    on_wait_timeout: &'static str,
    disposition: &'static str,
    format: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Parameter {
    name: String,
    value: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A row of a result: each value as text, or `None` for NULL.
pub type Row = Vec<Option<String>>;

impl Statement {
    /// A statement, with markers such as `:ids` for its parameters.
    pub fn new(warehouse_id: &str, statement: impl Into<String>) -> Self {
        Self {
            warehouse_id: warehouse_id.to_owned(),
            statement: statement.into(),
            parameters: Vec::new(),
            wait_timeout: WAIT,
            on_wait_timeout: "CONTINUE",
            disposition: "INLINE",
            format: "JSON_ARRAY",
        }
    }

    /// Adds a parameter: the value of the marker `:name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push(Parameter {
            name: name.to_owned(),
            value: value.into(),
            kind: "STRING",
        });
        self
    }
}

#[derive(Deserialize)]
struct Answer {
    statement_id: String,
    status: Status,
    manifest: Option<Manifest>,
    result: Option<Chunk>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    error: Option<StatementError>,
}

#[derive(Deserialize)]
struct StatementError {
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    total_row_count: Option<u64>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Default, Deserialize)]
struct Chunk {
    #[serde(default)]
    data_array: Vec<Row>,
    next_chunk_index: Option<u64>,
}

impl<R: Redis, T: Transport> Databricks<'_, R, T> {
    /// Runs a statement and returns all rows of its result. `pause` waits between two looks
    /// at a statement that is not done.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it is not done at `until`; it is canceled then.
    /// [`Error::Failed`] where it failed, or its result is cut off or not whole.
    pub async fn statement(
        &self,
        statement: &Statement,
        until: Instant,
        pause: impl AsyncFn(Duration),
    ) -> Result<Vec<Row>, Error> {
        let body = encode(statement)?;
        let path = "/api/2.0/sql/statements";
        let mut answer: Answer = self.ask(Method::POST, path, body, MAX_BYTES).await?;
        // It may be a part of a path: only what Databricks makes is let in.
        let is_id = |id: &str| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_id(&answer.statement_id) {
            return Err(Error::unavailable("a statement has an id that is none"));
        }
        let path = format!("{path}/{}", answer.statement_id);
        let mut wait = MIN_PAUSE;
        while matches!(&*answer.status.state, "PENDING" | "RUNNING") {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let cancel = format!("{path}/cancel");
                // Nothing depends on it: the warehouse ends it some time.
                _ = self
                    .send(Method::POST, &cancel, Vec::new(), MAX_BYTES)
                    .await;
                let detail = format!("the statement is still {}", answer.status.state);
                return Err(Error::unavailable(detail));
            }
            pause(wait.min(left)).await;
            wait = (wait * 2).min(MAX_PAUSE);
            answer = self.ask(Method::GET, &path, Vec::new(), MAX_BYTES).await?;
        }
        check(&answer)?;
        self.rows(&path, answer).await
    }

    /// The rows of a statement that succeeded, from all of its chunks.
    async fn rows(&self, path: &str, answer: Answer) -> Result<Vec<Row>, Error> {
        let Chunk {
            data_array: mut rows,
            mut next_chunk_index,
        } = answer.result.unwrap_or_default();
        let mut read = 0;
        while let Some(next) = next_chunk_index {
            if next <= read || rows.len() > MAX_ROWS {
                let detail = format!("the chunks of its result do not end: {next} after {read}");
                return Err(Error::Failed(detail));
            }
            read = next;
            let chunk = format!("{path}/result/chunks/{next}");
            let chunk: Chunk = self.ask(Method::GET, &chunk, Vec::new(), MAX_BYTES).await?;
            rows.extend(chunk.data_array);
            next_chunk_index = chunk.next_chunk_index;
        }
        let manifest = answer.manifest;
        if manifest.as_ref().is_some_and(|manifest| manifest.truncated) {
            return Err(Error::Failed("its result is cut off".to_owned()));
        }
        match manifest.and_then(|manifest| manifest.total_row_count) {
            Some(count) if count != rows.len() as u64 => Err(Error::Failed(format!(
                "its result has {} rows in place of {count}",
                rows.len()
            ))),
            _ => Ok(rows),
        }
    }
}

/// Fails unless a statement succeeded. One that failed is answered with 200.
fn check(answer: &Answer) -> Result<(), Error> {
    // CLOSED: it succeeded, and its result is not kept any more.
    if answer.status.state == "SUCCEEDED" {
        return Ok(());
    }
    let error = answer.status.error.as_ref();
    let told = error.map(|error| {
        let code = error.error_code.as_deref().unwrap_or_default();
        let message = error.message.as_deref().unwrap_or_default();
        format!(": {code} {message}")
    });
    let told = told.unwrap_or_default();
    let detail = format!("it is {}{told}", answer.status.state);
    let is_passing = error.and_then(|error| error.error_code.as_deref());
    match is_passing {
        Some("RESOURCE_EXHAUSTED" | "TEMPORARILY_UNAVAILABLE" | "DEADLINE_EXCEEDED") => {
            Err(Error::unavailable(detail))
        }
        _ => Err(Error::Failed(base::shorten(&detail, 500).to_owned())),
    }
}

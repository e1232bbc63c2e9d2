//! SQL statements.

use std::fmt;
use std::time::{Duration, Instant};

use http::Method;
use outbound::Transport;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use stores::Redis;

use crate::client::encode;
use crate::{Databricks, Error};

/// The max bytes of all answers with rows. Databricks sends up to 25 MiB in line; a
/// component has 128 MiB, and ids take little.
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
    #[serde(default, rename = "data_array", deserialize_with = "first_column")]
    cells: Vec<Option<String>>,
    next_chunk_index: Option<u64>,
}

/// Reads the first value of each row, of one row more than [`MAX_ROWS`] at most: rows of
/// nothing take two bytes in JSON, and many more in memory.
fn first_column<'de, D: Deserializer<'de>>(rows: D) -> Result<Vec<Option<String>>, D::Error> {
    struct Rows;

    impl<'de> Visitor<'de> for Rows {
        type Value = Vec<Option<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("rows")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
            let mut cells = Vec::new();
            while cells.len() <= MAX_ROWS
                && let Some(First(cell)) = rows.next_element()?
            {
                cells.push(cell);
            }
            while rows.next_element::<IgnoredAny>()?.is_some() {}
            Ok(cells)
        }
    }

    rows.deserialize_seq(Rows)
}

/// The first value of a row, `None` for NULL.
struct First(Option<String>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(row: D) -> Result<Self, D::Error> {
        struct Row;

        impl<'de> Visitor<'de> for Row {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<First, A::Error> {
                let cell = row.next_element::<Option<String>>()?.flatten();
                while row.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(cell))
            }
        }

        row.deserialize_seq(Row)
    }
}

/// How long requests are repeated, and how the time between two of them passes.
struct Patience<P> {
    until: Instant,
    pause: P,
    next: Duration,
}

impl<P: AsyncFn(Duration)> Patience<P> {
    /// Waits until the next request, `min` or longer. Returns false at once where there is
    /// no time for that.
    async fn wait(&mut self, min: Duration) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() || min >= left {
            return false;
        }
        (self.pause)(self.next.max(min).min(left)).await;
        self.next = (self.next * 2).min(MAX_PAUSE);
        true
    }
}

impl<R: Redis, T: Transport> Databricks<'_, R, T> {
    /// Runs a statement and returns the first value of each row of its result, `None` for
    /// NULL. Where Databricks cannot be reached or asks to wait (429, 503), the request is
    /// sent again, so the statement must be one that may run twice. `pause` waits between
    /// two requests.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it is not done at `until`; it is canceled then.
    /// [`Error::Failed`] where it failed, or its result is cut off, not whole, or of more
    /// than 200,000 rows; [`Error::TooLong`] where its result has more than 16 MiB.
    pub async fn first_column(
        &self,
        statement: &Statement,
        until: Instant,
        pause: impl AsyncFn(Duration),
    ) -> Result<Vec<Option<String>>, Error> {
        let mut patience = Patience {
            until,
            pause,
            next: MIN_PAUSE,
        };
        let (body, path) = (encode(statement)?, "/api/2.0/sql/statements");
        let (answer, read): (Answer, u64) = self
            .persist(&Method::POST, path, &body, MAX_BYTES, &mut patience)
            .await?;
        // It becomes a part of a path: only ids of the form that Databricks makes are let in.
        let is_id = |id: &str| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_id(&answer.statement_id) {
            return Err(Error::unavailable("a statement has an id that is none"));
        }
        let path = format!("{path}/{}", answer.statement_id);
        let (answer, left) = match self
            .end(&path, answer, MAX_BYTES - read, &mut patience)
            .await
        {
            Ok(ended) => ended,
            Err(error) => {
                // Nothing depends on it: the warehouse ends it some time.
                let path = format!("{path}/cancel");
                _ = self.send(Method::POST, &path, Vec::new(), 1024).await;
                return Err(error);
            }
        };
        check(&answer)?;
        self.cells(&path, answer, left, &mut patience).await
    }

    /// Sends a request until it is answered. Returns the answer and its bytes.
    async fn persist<A: DeserializeOwned, P: AsyncFn(Duration)>(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        limit: u64,
        patience: &mut Patience<P>,
    ) -> Result<(A, u64), Error> {
        loop {
            let answer = self.ask_sized(method, path, body.to_vec(), limit).await;
            let Err(Error::Unavailable { retry_after, .. }) = &answer else {
                return answer;
            };
            if !patience.wait(retry_after.unwrap_or_default()).await {
                return answer;
            }
        }
    }

    /// The state of a statement that has ended, and the bytes left of `limit`.
    async fn end<P: AsyncFn(Duration)>(
        &self,
        path: &str,
        mut answer: Answer,
        limit: u64,
        patience: &mut Patience<P>,
    ) -> Result<(Answer, u64), Error> {
        let mut left = limit;
        while matches!(&*answer.status.state, "PENDING" | "RUNNING") {
            if !patience.wait(Duration::ZERO).await {
                let detail = format!("the statement is still {}", answer.status.state);
                return Err(Error::unavailable(detail));
            }
            let looked = self.persist(&Method::GET, path, &[], limit, patience);
            let (next, read) = looked.await?;
            // Answers before the end have no rows.
            (answer, left) = (next, limit.saturating_sub(read));
        }
        Ok((answer, left))
    }

    /// The first values of all rows of a statement that succeeded, from all of its chunks.
    async fn cells<P: AsyncFn(Duration)>(
        &self,
        path: &str,
        answer: Answer,
        mut left: u64,
        patience: &mut Patience<P>,
    ) -> Result<Vec<Option<String>>, Error> {
        let Chunk {
            mut cells,
            mut next_chunk_index,
        } = answer.result.unwrap_or_default();
        let mut last = 0;
        while let Some(next) = next_chunk_index {
            if next <= last {
                let detail = format!("the chunks of its result do not end: {next} after {last}");
                return Err(Error::Failed(detail));
            }
            last = next;
            if cells.len() > MAX_ROWS {
                break;
            }
            let path = format!("{path}/result/chunks/{next}");
            let (chunk, read): (Chunk, u64) = self
                .persist(&Method::GET, &path, &[], left, patience)
                .await?;
            left = left.saturating_sub(read);
            cells.extend(chunk.cells);
            next_chunk_index = chunk.next_chunk_index;
        }
        if cells.len() > MAX_ROWS {
            let detail = format!("its result has more than {MAX_ROWS} rows");
            return Err(Error::Failed(detail));
        }
        let manifest = answer.manifest;
        if manifest.as_ref().is_some_and(|manifest| manifest.truncated) {
            return Err(Error::Failed("its result is cut off".to_owned()));
        }
        match manifest.and_then(|manifest| manifest.total_row_count) {
            Some(count) if count != cells.len() as u64 => Err(Error::Failed(format!(
                "its result has {} rows in place of {count}",
                cells.len()
            ))),
            _ => Ok(cells),
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

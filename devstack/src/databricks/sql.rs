//! SQL statements.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{ApiError, unknown},
    options::DatabricksOptions,
};

/// The behaviour of statements.
#[derive(Clone, Debug)]
pub struct SqlScript {
    /// How often a statement is `PENDING` before its result is there.
    pub pending: usize,
    /// The rows of a chunk.
    pub chunk: usize,
    /// The error of a statement that fails, which is answered with 200: code and message.
    pub error: Option<(String, String)>,
    /// Whether the manifest says that the result is cut off.
    pub is_truncated: bool,
    /// How many rows the manifest counts too many.
    pub miscount: usize,
}

impl Default for SqlScript {
    fn default() -> Self {
        Self {
            pending: 0,
            chunk: 1_000,
            error: None,
            is_truncated: false,
            miscount: 0,
        }
    }
}

#[derive(Default)]
pub(super) struct Statements {
    pub(super) script: SqlScript,
    statements: BTreeMap<String, Statement>,
}

struct Statement {
    pending: usize,
    is_canceled: bool,
    rows: Vec<String>,
    script: SqlScript,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Execute {
    statement: String,
    warehouse_id: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
    wait_timeout: Option<String>,
    on_wait_timeout: Option<String>,
    disposition: Option<String>,
    format: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    value: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Execute {
    fn check(&self, options: &DatabricksOptions) -> Result<(), ApiError> {
        if self.warehouse_id != options.warehouse {
            let message = format!("{} is not a valid endpoint id.", self.warehouse_id);
            return Err(ApiError::invalid(message));
        }
        let is_wait = |wait: &str| {
            let seconds = wait
                .strip_suffix('s')
                .and_then(|wait| wait.parse::<u8>().ok());
            seconds.is_some_and(|seconds| seconds == 0 || (5..=50).contains(&seconds))
        };
        let is_of = |value: &Option<String>, values: &[&str]| {
            value.as_deref().is_none_or(|value| values.contains(&value))
        };
        let checks = [
            (
                "wait_timeout",
                self.wait_timeout.as_deref().is_none_or(is_wait),
            ),
            (
                "on_wait_timeout",
                is_of(&self.on_wait_timeout, &["CONTINUE", "CANCEL"]),
            ),
            (
                "disposition",
                is_of(&self.disposition, &["INLINE", "EXTERNAL_LINKS"]),
            ),
            (
                "format",
                is_of(&self.format, &["JSON_ARRAY", "ARROW_STREAM", "CSV"]),
            ),
        ];
        if let Some((name, _)) = checks.iter().find(|(_, is_right)| !is_right) {
            return Err(ApiError::invalid(format!("{name} has an invalid value.")));
        }
        let kinds = ["STRING", "BIGINT", "INT"];
        let kind = self.parameters.iter().find(|one| !is_of(&one.kind, &kinds));
        if let Some(Parameter { name, .. }) = kind {
            return Err(ApiError::invalid(format!(
                "The type of :{name} is not known."
            )));
        }
        let names: BTreeSet<_> = self
            .parameters
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let markers: BTreeSet<_> = self.markers().collect();
        if names != markers || self.statement.contains('?') {
            let message = format!("UNBOUND_SQL_PARAMETER: markers {markers:?}, values {names:?}");
            return Err(ApiError::invalid(message));
        }
        Ok(())
    }

    /// The names of the markers in the text.
    fn markers(&self) -> impl Iterator<Item = &str> {
        self.statement.split(':').skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
    }
}

impl Statements {
    pub(super) fn execute(
        &mut self,
        options: &DatabricksOptions,
        clients: &BTreeSet<String>,
        request: Execute,
    ) -> Result<Value, ApiError> {
        request.check(options)?;
        let ids = request.parameters.iter().find(|one| one.name == "ids");
        let rows = match ids {
            None => clients.iter().cloned().collect(),
            Some(ids) => {
                let ids: BTreeSet<_> = ids
                    .value
                    .as_deref()
                    .unwrap_or_default()
                    .split(',')
                    .collect();
                let found = clients
                    .iter()
                    .filter(|client| ids.contains(client.as_str()));
                found.cloned().collect()
            }
        };
        let id = format!("01f0-{:08x}", self.statements.len() + 1);
        let statement = Statement {
            pending: self.script.pending,
            is_canceled: false,
            rows,
            script: self.script.clone(),
        };
        let shown = statement.show(&id);
        self.statements.insert(id, statement);
        Ok(shown)
    }

    /// Answers the requests about a statement.
    pub(super) fn follow(&mut self, method: &Method, path: &str) -> Result<Value, ApiError> {
        let mut parts = path.split('/');
        let id = parts.next().unwrap_or_default().to_owned();
        let missing = || unknown(&format!("The statement {id}"));
        let statement = self.statements.get_mut(&id).ok_or_else(missing)?;
        match (method, parts.collect::<Vec<_>>().as_slice()) {
            (&Method::GET, []) => {
                statement.pending = statement.pending.saturating_sub(1);
                Ok(statement.show(&id))
            }
            (&Method::POST, ["cancel"]) => {
                statement.is_canceled = true;
                Ok(json!({}))
            }
            (&Method::GET, ["result", "chunks", chunk]) => {
                let chunk = chunk.parse().map_err(ApiError::invalid)?;
                statement
                    .chunk(&id, chunk)
                    .ok_or_else(|| unknown("The chunk"))
            }
            _ => Err(unknown("The route")),
        }
    }
}

impl Statement {
    fn show(&self, id: &str) -> Value {
        if self.is_canceled {
            return json!({"statement_id": id, "status": {"state": "CANCELED"}});
        }
        if self.pending > 0 {
            return json!({"statement_id": id, "status": {"state": "PENDING"}});
        }
        if let Some((code, message)) = &self.script.error {
            let error = json!({"error_code": code, "message": message});
            return json!({"statement_id": id, "status": {"state": "FAILED", "error": error,
                "sql_state": "42P01"}});
        }
        let chunks = self.rows.len().div_ceil(self.script.chunk).max(1);
        json!({
            "statement_id": id, "status": {"state": "SUCCEEDED"},
            "manifest": {"format": "JSON_ARRAY", "schema": {"column_count": 1, "columns":
                    [{"name": "mostrador", "position": 0, "type_name": "LONG", "type_text": "BIGINT"}]},
                "total_row_count": self.rows.len() + self.script.miscount,
                "total_chunk_count": chunks, "truncated": self.script.is_truncated},
            "result": self.chunk(id, 0),
        })
    }

    fn chunk(&self, id: &str, index: usize) -> Option<Value> {
        let offset = index.checked_mul(self.script.chunk)?;
        if index > 0 && offset >= self.rows.len() {
            return None;
        }
        let rows: Vec<_> = self
            .rows
            .iter()
            .skip(offset)
            .take(self.script.chunk)
            .collect();
        let values: Vec<_> = rows.iter().map(|row| json!([row])).collect();
        let next = (offset + rows.len() < self.rows.len()).then_some(index + 1);
        let link = next.map(|next| format!("/api/2.0/sql/statements/{id}/result/chunks/{next}"));
        Some(
            json!({"chunk_index": index, "row_offset": offset, "row_count": rows.len(),
            "data_array": values, "next_chunk_index": next, "next_chunk_internal_link": link}),
        )
    }
}

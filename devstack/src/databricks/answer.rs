//! Answers and errors.

use http::StatusCode;
use serde_json::Value;

/// An error in Databricks' shape: status, `error_code`, message.
#[derive(Debug)]
pub(super) struct ApiError(
    pub(super) StatusCode,
    pub(super) &'static str,
    pub(super) String,
);

impl ApiError {
    pub(super) fn invalid(message: impl ToString) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self(status, "INVALID_PARAMETER_VALUE", message.to_string())
    }
}

/// An answer: its status and body. `None` breaks the connection.
pub(super) type Answer = Option<(StatusCode, Option<String>, Value)>;

/// The status of an unknown thing in the SQL API.
pub(super) fn unknown(what: &str) -> ApiError {
    let message = format!("{what} does not exist");
    ApiError(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
}

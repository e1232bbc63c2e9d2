//! Errors of requests to Databricks.

use std::time::{Duration, SystemTime};

use base::Failure;
use http::{HeaderMap, StatusCode};
use outbound::{ReadError, retry_after};
use serde::Deserialize;
use serde_json::Value;

/// The max bytes that are kept of a text of Databricks.
const MAX_TEXT: usize = 500;

/// The reason why a request to Databricks failed. No text holds a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong, and only the operator can change it.
    #[error("{0}")]
    Misconfigured(String),
    /// There is no answer, or one that asks to try again. The request may have had its
    /// effect.
    #[error("Databricks cannot be reached right now: {detail}")]
    Unavailable {
        /// The reason, for the log.
        detail: String,
        /// The time that Databricks asks to wait.
        retry_after: Option<Duration>,
    },
    /// The thing does not exist: a run that is not kept any more, or another workspace's.
    #[error("Databricks knows no such thing: {0}")]
    Unknown(String),
    /// Databricks refuses the request: another try does not help.
    #[error("Databricks refuses the request: {0}")]
    Refused(String),
    /// A statement failed, or its result is not whole.
    #[error("the SQL statement failed: {0}")]
    Failed(String),
    /// A successful answer has more than this number of bytes.
    #[error("Databricks answers with more than {0} bytes")]
    TooLong(u64),
}

impl Error {
    pub(crate) fn unavailable(detail: impl ToString) -> Self {
        Self::Unavailable {
            detail: detail.to_string(),
            retry_after: None,
        }
    }

    /// The error that an answer means which is no success. `body` may be anything: not all
    /// errors come from Databricks itself. The text has none of `secrets`.
    pub(crate) fn of_answer(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&str],
    ) -> Self {
        let told: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let (code, text) = (told.code(), told.text(status, secrets));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Misconfigured(format!(
                "Databricks refuses the credentials ({text}): check databricks_access_token, \
                 databricks_client_id and databricks_client_secret, and their permissions"
            )),
            StatusCode::NOT_FOUND => Self::Unknown(text),
            _ if code == "RESOURCE_DOES_NOT_EXIST" => Self::Unknown(text),
            // The Jobs API answers so for a run or job that is not there; Databricks' own
            // SDKs read it alike.
            _ if code == "INVALID_PARAMETER_VALUE" && text.contains(" does not exist") => {
                Self::Unknown(text)
            }
            // Another try can help (RFC 9110, 15.5 and 15.6; 425: RFC 8470; 429: RFC 6585).
            _ if status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 425 | 429) => {
                Self::Unavailable {
                    detail: text,
                    retry_after: retry_after(headers, SystemTime::now()),
                }
            }
            _ => Self::Refused(text),
        }
    }
}

/// The body of an error: that of the APIs, or that of OAuth.
#[derive(Default, Deserialize)]
struct ErrorBody {
    /// Some services write a number.
    error_code: Option<Value>,
    message: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl ErrorBody {
    fn code(&self) -> &str {
        let code = self.error_code.as_ref().and_then(Value::as_str);
        code.or(self.error.as_deref()).unwrap_or_default()
    }

    fn text(&self, status: StatusCode, secrets: &[&str]) -> String {
        let message = self.message.as_deref();
        let message = message.or(self.error_description.as_deref());
        let parts = [self.code(), message.unwrap_or_default()].into_iter();
        let parts = parts.filter(|part| !part.is_empty());
        let text = parts.collect::<Vec<_>>().join(": ");
        // Taken out before the text is cut: half a token is a secret, too.
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        let text = secrets.fold(text, |text, secret| text.replace(secret, "[secret]"));
        match text.is_empty() {
            true => format!("it answered {status}"),
            false => format!("{} {}", status.as_u16(), base::shorten(&text, MAX_TEXT)),
        }
    }
}

impl From<outbound::Error> for Error {
    fn from(error: outbound::Error) -> Self {
        match error {
            outbound::Error::Unreachable { .. } => Self::unavailable(error),
            outbound::Error::NotAllowed { .. } | outbound::Error::Invalid { .. } => {
                Self::Misconfigured(error.to_string())
            }
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { limit, .. } => Self::TooLong(limit),
            ReadError::Transport(error) => error.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Misconfigured(message) => Self::Misconfigured(message),
            Error::Unavailable { detail, .. } => Self::unavailable("Databricks", detail),
            Error::Unknown(_) | Error::Refused(_) => Self::Misconfigured(error.to_string()),
            Error::Failed(_) | Error::TooLong(_) => Self::internal(error),
        }
    }
}

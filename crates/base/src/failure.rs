//! Failures that the caller of a request did not cause.

use std::fmt::Display;

/// A failure that the caller did not cause. An HTTP endpoint answers it with 500 or 503
/// (`web`); a worker tries its messages again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A variable or permission is missing or wrong, and only the operator can change it.
    /// The text names it and never holds a secret.
    #[error("{0}")]
    Misconfigured(String),
    /// A required service is out of reach. Nothing was changed, or the same request can
    /// safely be sent again.
    #[error("{what} cannot be reached right now: {detail}")]
    Unavailable {
        /// The service, for a client to read.
        what: &'static str,
        /// The reason, for the log only.
        detail: String,
    },
    /// Other requests changed the same document before each try. Nothing was changed.
    #[error("{what} is being changed by other requests")]
    Contended {
        /// The kind of document, for a client to read.
        what: &'static str,
    },
    /// A fault in the program or in stored data. The text is for the log only.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// See [`Failure::Misconfigured`].
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::Misconfigured(message.into())
    }

    /// The variable `name` is missing or wrong: `problem` follows its name in the text. See
    /// [`Failure::Misconfigured`].
    pub fn variable(name: &str, problem: impl Display) -> Self {
        Self::Misconfigured(format!("the variable {name} {problem}"))
    }

    /// See [`Failure::Unavailable`].
    pub fn unavailable(what: &'static str, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::Unavailable { what, detail }
    }

    /// See [`Failure::Internal`].
    pub fn internal(detail: impl ToString) -> Self {
        Self::Internal(detail.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    /// JSON that Orilla itself wrote cannot be parsed, or a value of its own has no JSON.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!(
            "Orilla's own JSON cannot be read or written: {error}"
        ))
    }
}

//! Changes that were not made.

use crate::{Failure, Unmet};

/// There is no such document, or the caller must not know that there is. An HTTP endpoint
/// answers it with 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unknown {
    /// A stable word for programs, in snake case.
    pub code: &'static str,
    /// The error, for a person.
    pub message: &'static str,
}

/// Why a document was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// The request is in conflict with the current state: an HTTP endpoint answers it
    /// with 409.
    #[error("{message}")]
    Conflict {
        /// A stable word for programs, in snake case.
        code: &'static str,
        /// The error and its remedy, for a person.
        message: String,
    },
    /// There is none to change: 404.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The `Idempotency-Key` was used for another request: 422.
    #[error("{message}")]
    KeyReused {
        /// The remedy, for a person.
        message: &'static str,
    },
    /// The change must be conditional and is not: 428 (RFC 6585, 3).
    #[error("{message}")]
    Unconditional {
        /// The condition to send, for a person.
        message: String,
    },
    /// A condition on the version does not hold: 412.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// A store failed. The same request can be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl NotChanged {
    /// See [`NotChanged::Conflict`].
    pub fn conflict(code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self::Conflict { code, message }
    }
}

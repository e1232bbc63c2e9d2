//! Changes that were not made.

use crate::{Failure, Unmet};

/// Why a document was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// The request is in conflict with the current state: an HTTP endpoint answers it
    /// with 409.
    #[error("{message}")]
    Conflict {
        /// A stable word for programs, in snake case.
        code: &'static str,
        /// What is wrong and what to change, for a person.
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

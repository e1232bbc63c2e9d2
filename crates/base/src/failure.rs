//! Why something could not be done though nothing is wrong with the request.

/// A failure that the caller did not cause. An HTTP endpoint answers it with 500 or
/// 503 (`web`), a worker leaves its messages to a later attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The deployment lacks something that only its operator can change. The text names
    /// the variable or permission and never a secret.
    #[error("{0}")]
    Misconfigured(String),
    /// A service that is needed cannot be used right now. Nothing was changed, or what
    /// was changed is safe to ask for again.
    #[error("{what} cannot be reached right now: {detail}")]
    Unavailable {
        /// The service, for a client to read.
        what: &'static str,
        /// The reason, for the log alone.
        detail: String,
    },
    /// Others changed the same document at each try. Nothing was changed.
    #[error("{what} is being changed by other requests")]
    Contended {
        /// The kind of document, for a client to read.
        what: &'static str,
    },
    /// A fault in the program or in what is stored. The text is for the log alone.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// See [`Failure::Misconfigured`].
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::Misconfigured(message.into())
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
    /// What Orilla itself wrote cannot be read, or a value of its own cannot be written.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!("JSON of our own: {error}"))
    }
}

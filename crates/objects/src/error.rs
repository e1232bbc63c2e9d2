use base::Failure;
use outbound::ReadError;

/// The reason why an object was not read, written or presigned.
///
/// The texts are for logs and operators. They contain no secret and no signed URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store is out of reach, overloaded or failing. A retry may help.
    #[error("the object store is not available: {0}")]
    Unavailable(String),
    /// The store refused the credentials, or they give no access to this object.
    #[error("the object store denied access: {0}")]
    Denied(String),
    /// The configuration of the store is wrong. A retry does not help.
    #[error("the object store is misconfigured: {0}")]
    Misconfigured(String),
    /// The object is longer than the caller's limit.
    #[error("the object is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
        /// The size of the object, if the store says it.
        size: Option<u64>,
    },
    /// No object can have this key.
    #[error("this can't be the key of an object: {0}")]
    InvalidKey(String),
    /// The answer is not one that S3 gives to this request.
    #[error("the object store gave an unexpected answer: {0}")]
    Unexpected(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(reason) => Self::unavailable("the object store", reason),
            Error::Denied(_) | Error::Misconfigured(_) => Self::misconfigured(error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<outbound::Error> for Error {
    fn from(error: outbound::Error) -> Self {
        let text = error.to_string();
        match error {
            outbound::Error::NotAllowed { .. } | outbound::Error::Invalid { .. } => {
                Self::Misconfigured(text)
            }
            outbound::Error::Unreachable { .. } => Self::Unavailable(text),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { limit, length } => Self::TooLarge {
                limit,
                size: length,
            },
            ReadError::Transport(error) => error.into(),
        }
    }
}

impl From<outbound::sigv4::Error> for Error {
    fn from(error: outbound::sigv4::Error) -> Self {
        Self::Misconfigured(error.to_string())
    }
}

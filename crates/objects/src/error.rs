use base::Failure;
use outbound::ReadError;

/// Why an object could not be read, written or presigned.
///
/// The texts are for logs and operators: they hold no secret and no signed URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store is out of reach, overloaded or failing: try again later.
    #[error("the object store is not available: {0}")]
    Unavailable(String),
    /// The store refused the credentials, or they do not reach this object.
    #[error("the object store denied access: {0}")]
    Denied(String),
    /// The store can't be used as it is configured; trying again won't help.
    #[error("the object store is misconfigured: {0}")]
    Misconfigured(String),
    /// The object has more bytes than the caller takes.
    #[error("the object is larger than {limit} bytes")]
    TooLarge {
        /// The max bytes that the caller takes.
        limit: u64,
        /// The size of the object, where the store tells it.
        size: Option<u64>,
    },
    /// No object can have this key.
    #[error("this can't be the key of an object: {0}")]
    InvalidKey(String),
    /// The store answered something that S3 does not answer here.
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

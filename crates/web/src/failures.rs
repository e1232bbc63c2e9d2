//! How failures of the stores look to a client: 503 where another try can
//! help, 500 where only the operator can.

use records::{RecordError, UpdateError};
use stores::{KeyValueError, RedisError};

use crate::ApiError;

impl From<RedisError> for ApiError {
    fn from(error: RedisError) -> Self {
        match error {
            RedisError::Denied => Self::misconfigured(error.to_string()),
            other => Self::unavailable("Redis", other.to_string()),
        }
    }
}

impl From<KeyValueError> for ApiError {
    fn from(error: KeyValueError) -> Self {
        match error {
            KeyValueError::Denied => Self::misconfigured(error.to_string()),
            KeyValueError::Unavailable(reason) => Self::unavailable("the key-value store", reason),
        }
    }
}

impl From<objects::Error> for ApiError {
    fn from(error: objects::Error) -> Self {
        use objects::Error::{Denied, Misconfigured, Unavailable};
        match error {
            Unavailable(reason) => Self::unavailable("the object store", reason),
            Denied(_) | Misconfigured(_) => Self::misconfigured(error.to_string()),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<objects::ConfigError> for ApiError {
    fn from(error: objects::ConfigError) -> Self {
        Self::misconfigured(error.to_string())
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<UpdateError> for ApiError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Redis(error) => error.into(),
            UpdateError::Record(error) => error.into(),
            UpdateError::Json(error) => Self::internal(error.to_string()),
            UpdateError::Contended | UpdateError::Behind => {
                Self::unavailable("the document", error.to_string())
            }
        }
    }
}

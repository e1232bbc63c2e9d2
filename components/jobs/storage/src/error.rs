use stores::RedisError;
use web::ApiError;

/// Why a job could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Redis failed.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Something could not be written as JSON, or read.
    #[error("what is stored of a job is not as expected: {0}")]
    Json(#[from] serde_json::Error),
    /// The hash of a job is not as it was written.
    #[error("the stored job {0} cannot be read")]
    Unreadable(String),
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Redis(error) => error.into(),
            other => Self::internal(other.to_string()),
        }
    }
}

//! What several routes need.

use base::Failure;
use databricks::{Config, Databricks};
use stores::SpinRedis;
use web::{ApiError, Call};

/// The client of Databricks, whose requests carry the ids of this one.
pub(crate) fn databricks<'a>(
    call: &Call,
    redis: &'a SpinRedis,
) -> Result<Databricks<'a, SpinRedis>, Failure> {
    let config = Config::from_variables()?;
    Ok(Databricks::new(config, redis).with_headers(call.trace.headers()))
}

/// A job that does not exist is answered like one of another user.
pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("unknown_job", "Job no encontrado: you have no such job")
}

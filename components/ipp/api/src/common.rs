//! Functions that several routes need.

use base::Failure;
use databricks::{Config, Databricks};
use stores::SpinRedis;
use web::Call;

/// The client of Databricks, whose requests carry the ids of this one.
pub(crate) fn databricks<'a>(
    call: &Call,
    redis: &'a SpinRedis,
) -> Result<Databricks<'a, SpinRedis>, Failure> {
    let config = Config::from_variables()?;
    Ok(Databricks::new(config, redis).with_headers(call.trace.headers()))
}

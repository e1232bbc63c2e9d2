//! A client of Databricks: runs of jobs (Jobs API 2.2) and SQL statements (Statement
//! Execution API 2.0).
//!
//! Ids are integers of 64 bits and never pass through a float. A request whose answer was
//! lost may have had its effect: [`Error::Unavailable`] says so, and [`RunNow`] carries an
//! idempotency token, so that it can be sent again.

mod answer;
mod auth;
mod client;
mod config;
mod error;
mod id;
mod run;
mod state;
mod statement;
#[cfg(test)]
mod tests;

pub use client::Databricks;
pub use config::Config;
pub use error::Error;
pub use id::RunId;
pub use run::{MAX_PARAMS_BYTES, MAX_TOKEN_LENGTH, RunNow};
pub use state::{Progress, Run};
pub use statement::Statement;

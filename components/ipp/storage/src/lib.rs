//! The stores of the ipp system, and its requests to Databricks.

mod configured;
mod job;
mod look;
mod run;
mod settings;

pub use configured::configured;
pub use job::{Ipp, committed, job_of_run, list, load, load_for, wake_if_idle};
pub use look::{may_look, note_look};
pub use run::NotSeen;
pub use settings::{Sql, jobs, retention, sleep, sql, timeout};

//! The stores of the jobs system: `jobs-domain` on Redis.
//!
//! The script that settles a toon's message also writes its outcome, so the outcome is
//! there once the message is gone, and once only.

mod conclude;
mod job;
mod results;
mod submit;

pub use conclude::{ended, keep, retention, tally};
pub use job::{Job, load, start, wake_if_idle};
pub use results::{Page, results};
pub use submit::{Submitted, submit};

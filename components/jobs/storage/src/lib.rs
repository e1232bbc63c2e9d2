//! How the jobs system keeps its jobs: the rules of `jobs-domain` on Redis.
//!
//! What came of a toon is written by the script that settles its message, so
//! it is there once the message is gone, and once only.

mod conclude;
mod job;
mod results;
mod submit;

pub use conclude::{ended, keep, retention, tally};
pub use job::{Job, load, start, wake_if_idle};
pub use results::{Page, results};
pub use submit::{Submitted, submit};

//! The stores of the jobs system: `jobs-domain` on Redis.
//!
//! The script that settles a toon's message also writes its outcome, so the outcome is
//! there once the message is gone, and once only.

mod cancel;
mod conclude;
mod job;
mod list;
mod occurred;
mod results;
mod retry;
mod submit;

pub use cancel::{Canceled, cancel};
pub use conclude::{begun, ended, keep, letter, retention, tally};
pub use job::{Job, Wanted, load, start, wake_if_idle};
pub use list::{Jobs, list};
pub use occurred::{completed, completes};
pub use results::{Page, results};
pub use retry::{Retried, retry};
pub use submit::{Submitted, submit};

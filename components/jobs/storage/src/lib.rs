//! The stores of the jobs system: `jobs-domain` on Redis.
//!
//! The script that settles a toon's message also writes its outcome, so the outcome is
//! there once the message is gone, and once only.

mod control;
mod job;
mod list;
mod submit;

pub use control::{cancel, retry};
pub use job::{Wanted, completed, load, load_for, retention, start, wake_if_idle};
pub use list::list;
pub use submit::submit;

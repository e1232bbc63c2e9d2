//! What every crate and component may use: ids that follow a request, log lines,
//! the clock, variables, ids that callers choose, and the one kind of failure that is
//! not the caller's fault.
//!
//! It knows neither HTTP answers nor stores.

mod clock;
mod failure;
pub mod id;
pub mod json;
pub mod log;
mod text;
mod trace;
mod variables;

pub use clock::{now_millis, parse_rfc3339, random, rfc3339};
pub use failure::Failure;
pub use id::IdError;
pub use text::shorten;
pub use trace::Trace;
pub use variables::{check_token, number, text, token};

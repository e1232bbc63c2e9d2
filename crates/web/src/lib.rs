//! The HTTP conventions that every endpoint shares: errors, CORS, methods,
//! body limits, request ids, logs and who is asking.
//!
//! The rules are plain functions over the `http` crate's types; [`serve`] is
//! the one place that touches Spin.

mod access;
mod call;
mod clock;
mod cors;
mod error;
mod etag;
mod failures;
pub mod log;
mod reply;
mod rules;
mod serve;
mod trace;
mod variables;

pub use auth::Principal;

pub use access::{authenticate, check_token, require_bearer, require_role};
pub use call::Call;
pub use clock::{now_millis, rfc3339};
pub use error::ApiError;
pub use etag::{entity_tag, has_current, with_etag};
pub use reply::{Reply, empty, json, redirect};
pub use rules::Endpoint;
pub use serve::serve;
pub use trace::Trace;
pub use variables::{number, text};

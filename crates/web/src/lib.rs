//! The HTTP conventions that every endpoint shares: errors, CORS, methods,
//! body limits, request ids, logs and who is asking.
//!
//! The rules are plain functions over the `http` crate's types; [`serve`] is
//! the one place that touches Spin.

mod access;
mod auth;
mod bindings;
mod call;
mod cors;
mod error;
mod etag;
mod reply;
mod rules;
mod serve;

pub use access::{authenticate, require_bearer, require_role};
pub use auth::Principal;
pub use call::Call;
pub use error::ApiError;
pub use etag::{entity_tag, has_current, with_etag};
pub use reply::{Reply, empty, json, redirect};
pub use rules::Endpoint;
pub use serve::serve;

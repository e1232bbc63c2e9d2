//! The HTTP conventions of all endpoints. A component is a table of [`Route`]s; [`serve`]
//! answers requests by it, and [`exports!`] calls it.
//!
//! Methods, CORS, credentials and roles, limits and types of bodies, errors, request ids
//! and logs are handled here, the same for every endpoint. [`serve`] is the one place
//! that touches Spin; all rules are plain functions over the `http` crate's types.

mod access;
mod answer;
mod bindings;
mod call;
mod conditional;
mod cors;
mod error;
mod exports;
mod message;
mod observe;
mod rate;
mod reply;
mod route;
mod serve;
mod strict;
mod wait;

pub use access::Principal;
pub use base::Invalid;
pub use call::Call;
pub use conditional::{entity_tag, tagged, view_tag};
pub use error::ApiError;
pub use reply::{Reply, content, empty, json, located, redirect};
pub use route::Route;
pub use serve::{allowed_origins, serve};
pub use wait::{Waiting, wait};

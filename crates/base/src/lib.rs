//! Types and functions for all crates and components: ids that follow a request, log lines,
//! the clock, variables, ids that callers choose, JSON that keeps its digits ([`Fields`]),
//! queries, preconditions, errors of the caller ([`Invalid`]) and failures of the deployment
//! ([`Failure`]).
//!
//! It knows neither HTTP answers nor stores.

mod body;
mod caller;
mod clock;
mod failure;
mod fields;
mod groups;
pub mod id;
mod invalid;
pub mod json;
pub mod log;
mod not_changed;
mod preconditions;
mod query;
mod tenant;
mod text;
mod timestamp;
mod trace;
mod variables;

pub use body::{json_body, object_body};
pub use caller::Caller;
pub use clock::{now_millis, parse_rfc3339, random, rfc3339};
pub use failure::Failure;
pub use fields::Fields;
pub use groups::groups;
pub use id::IdError;
pub use invalid::Invalid;
pub use not_changed::{NotChanged, Unknown};
pub use preconditions::{Preconditions, Tags, Unmet, version_tag};
pub use query::Query;
pub use tenant::{Tenant, TenantError};
pub use text::{decimal, shorten};
pub use timestamp::{NoTimestamp, Timestamp};
pub use trace::Trace;
pub use variables::{UNIT_SEPARATOR, check_token, flag, number, parse_number, split, text};

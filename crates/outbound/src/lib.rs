//! Outbound HTTP for components.
//!
//! A client builds an [`http::Request`] and reads an [`http::Response`]; a
//! [`Transport`] carries them. Components use [`Spin`]; tests of clients use a transport
//! of their own and no network.

mod base_url;
mod body;
mod call;
mod deadline;
mod exchange;
mod retry_after;
pub mod role;
pub mod service;
pub mod sigv4;
mod spin;
mod transport;
pub mod webhooks;

pub use base_url::BaseUrl;
pub use body::{ReadError, collect};
pub use call::call;
pub use deadline::within;
pub use retry_after::retry_after;
pub use spin::{Spin, SpinWithin};
pub use transport::{Error, Transport};

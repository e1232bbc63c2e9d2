//! Outbound HTTP for components.
//!
//! A client builds an [`http::Request`] and reads an [`http::Response`]; a
//! [`Transport`] carries them. [`Spin`] is the one that components use, and tests
//! bring their own, so that clients are tested without a network.

mod base_url;
mod body;
mod exchange;
pub mod service;
pub mod sigv4;
mod spin;
mod transport;
pub mod webhooks;

pub use base_url::BaseUrl;
pub use body::{ReadError, collect};
pub use spin::Spin;
pub use transport::{Error, Transport};

//! Webhooks, for their sender: the endpoints, and the headers that sign a webhook by
//! Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! Nothing here uses a clock, the network or variables.

mod endpoints;
mod secret;
mod signer;

pub use endpoints::{Endpoints, InvalidEndpoint};
pub use secret::InvalidSecret;
pub use signer::{InvalidId, Signer};

/// The parts of a variable's list, separated by commas or white space.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|part| !part.is_empty())
}

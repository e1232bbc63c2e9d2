//! What a sender of webhooks needs: the endpoints that they go to, and the
//! headers that sign them as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! It knows no clock, no network and no variables.

mod endpoints;
mod secret;
mod signer;

pub use endpoints::{Endpoints, InvalidEndpoint};
pub use secret::InvalidSecret;
pub use signer::{InvalidId, Signer};

/// The parts of a list in a variable, which are separated by commas or white space.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|part| !part.is_empty())
}

//! The keys that tokens are verified with: one by one, or as a JSON Web Key Set
//! (RFC 7517). The crate knows neither Spin nor a clock.

pub mod key;
mod set;

pub use key::Key;
pub use set::{KeySet, MAX_BYTES, MAX_KEYS, Origin, SetError, Unfit};

//! The keys that tokens are verified with: one by one, or as a JSON Web Key Set (RFC 7517).
//! [`record`] has the form in which the set of a URL is stored. The crate knows neither Spin
//! nor a clock.

pub mod key;
pub mod record;
mod set;

pub use key::Key;
pub use record::Record;
pub use set::{KeySet, MAX_BYTES, MAX_KEYS, Origin, SetError, Unfit};

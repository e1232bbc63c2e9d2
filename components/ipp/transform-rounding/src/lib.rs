//! The rounding factor: the default provider of `orilla:ipp/transform`.
//!
//! It adds to each row a whole quantity: the row's base quantity, rounded up where its
//! decimals reach the factor. See [`Rule`].

mod config;
mod decimal;
mod rule;

#[cfg(target_family = "wasm")]
mod component;

pub use config::{Config, ConfigError};
pub use rule::{Invalid, Row, Rule, Table};

//! Verifies JSON Web Tokens (RFC 7519): a provider of `orilla:auth/authorizer`.
//!
//! [`config`] says what a token is held against and [`verify`] holds it; both
//! know neither Spin nor a clock. The component around them reads the variables
//! and the time.

pub mod config;
pub mod verify;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod preview1;
#[cfg(test)]
mod tests;

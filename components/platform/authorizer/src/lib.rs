//! Verifies JSON Web Tokens (RFC 7519): a provider of `orilla:auth/authorizer`.
//!
//! [`config`] says what a token is held against, with a key that may come as [`pem`], and
//! [`verify`] holds it; none of them knows Spin or a clock. The component around them reads the variables
//! and the time.

pub mod config;
pub mod pem;
pub mod verify;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod preview1;
#[cfg(test)]
mod tests;

//! Verifies JSON Web Tokens (RFC 7519): a provider of `orilla:auth/authorizer`.
//!
//! [`config`] has the requirements for a token, with a key that may come as [`pem`], and
//! [`verify`] checks a token by them; [`kept`] finds the keys of a URL. None of them knows
//! Spin or a clock: the component around them reads the variables, the store and the time.

pub mod config;
pub mod kept;
pub mod pem;
pub mod verify;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod preview1;
#[cfg(test)]
mod tests;

//! Keeps temporary credentials of AWS for the components that sign requests: it assumes the
//! role `aws_role_arn` with `aws_web_identity_token`, and again before they end. It is
//! private: no client reaches it, and it alone may call STS.

pub mod kept;
pub mod sts;

#[cfg(target_family = "wasm")]
mod component;

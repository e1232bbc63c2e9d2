//! AWS Signature Version 4 for components: the signature in headers, or in the
//! query of a presigned URL.
//!
//! The algorithm itself is that of the crate `aws-sigv4`; this crate chooses its
//! settings per service and knows no clock, no network and no variables. Spec:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

mod credentials;
mod signer;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use signer::{Error, MAX_EXPIRY, Payload, Signer};

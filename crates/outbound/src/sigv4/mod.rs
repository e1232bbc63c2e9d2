//! AWS Signature Version 4 for components: the signature in headers, or in the
//! query of a presigned URL.
//!
//! The crate `aws-sigv4` has the algorithm; this module chooses its settings for each
//! service. Nothing here uses a clock, the network or variables. Specification:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

mod credentials;
mod signer;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use signer::{Error, MAX_EXPIRY, Payload, Signer};

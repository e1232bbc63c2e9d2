use std::future::Future;

use futures::Stream;

/// The reason why there is no answer. The texts name a host, and never a whole URL, which
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component has no permission for this host.
    #[error(
        "calls to {host} are not allowed: add it to `allowed_outbound_hosts` of the component in spin.toml"
    )]
    NotAllowed {
        /// Scheme, host and port, in the form of `allowed_outbound_hosts`.
        host: String,
    },
    /// The request is not one that HTTP can carry.
    #[error("the request to {host} can't be sent: {reason}")]
    Invalid {
        /// Scheme, host and port.
        host: String,
        /// The problem.
        reason: String,
    },
    /// The connection failed, or broke before the end of the answer.
    #[error("{host} is out of reach: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// The reason that the runtime gives.
        reason: String,
    },
}

/// Carries requests to services, and their answers back.
pub trait Transport {
    /// The body of an answer, chunk by chunk.
    type Body: Stream<Item = Result<Vec<u8>, Error>> + Unpin;

    /// Sends `request` and returns when the status and headers of the answer arrive.
    ///
    /// # Errors
    /// See [`Error`]; an answer of any status is no error.
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> impl Future<Output = Result<http::Response<Self::Body>, Error>>;
}

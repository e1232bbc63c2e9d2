use std::future::Future;

use futures::Stream;

/// Why there is no answer. The texts name a host at most, never a whole URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component has no permission to call this host.
    #[error(
        "calls to {host} are not allowed: add it to `allowed_outbound_hosts` of the component in spin.toml"
    )]
    NotAllowed {
        /// Scheme, host and port, as `allowed_outbound_hosts` has them.
        host: String,
    },
    /// The request can't be sent as it is.
    #[error("the request to {host} can't be sent: {reason}")]
    Invalid {
        /// Scheme, host and port.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or one that broke before the answer was complete.
    #[error("{host} is out of reach: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// What the runtime says.
        reason: String,
    },
}

/// Carries requests to the network and answers back.
pub trait Transport {
    /// The body of an answer, chunk by chunk.
    type Body: Stream<Item = Result<Vec<u8>, Error>> + Unpin;

    /// Sends `request` and returns as soon as status and headers of the answer are there.
    ///
    /// # Errors
    /// See [`Error`]; an answer of any status is no error.
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> impl Future<Output = Result<http::Response<Self::Body>, Error>>;
}

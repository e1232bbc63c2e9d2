use base::Failure;
use http::{Request, Response};

use crate::{Error, Transport, collect};

/// Sends a request to the service `what` and reads its answer, of any status and of at most
/// `max` bytes.
///
/// # Errors
/// [`Failure::Misconfigured`] where the component may not call the service, and
/// [`Failure::Unavailable`] where there is no whole answer.
pub async fn call<T: Transport>(
    transport: &T,
    request: Request<Vec<u8>>,
    what: &'static str,
    max: u64,
) -> Result<Response<Vec<u8>>, Failure> {
    let answer = transport.send(request).await.map_err(|error| match error {
        Error::NotAllowed { .. } => Failure::misconfigured(error.to_string()),
        error => Failure::unavailable(what, error),
    })?;
    let answer = collect(answer, max).await;
    answer.map_err(|error| Failure::unavailable(what, error))
}

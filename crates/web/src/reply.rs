//! Answers.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::ApiError;

/// An answer of an endpoint.
pub type Reply = Result<Response<Vec<u8>>, ApiError>;

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let body =
        serde_json::to_vec(body).map_err(|error| base::Failure::internal(error.to_string()))?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// A 302 to another place, which must not be kept by caches.
pub fn redirect(location: &str) -> Reply {
    let location = HeaderValue::try_from(location)
        .map_err(|error| base::Failure::internal(error.to_string()))?;
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(header::LOCATION, location);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

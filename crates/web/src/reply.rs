//! Answers.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::ApiError;

/// The answer of a handler.
pub type Reply = Result<Response<Vec<u8>>, ApiError>;

/// A JSON answer.
///
/// # Errors
/// The value has no JSON: a fault of the program.
pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(body).map_err(base::Failure::from)?;
    let mut response = content("application/json", body);
    *response.status_mut() = status;
    Ok(response)
}

/// 200 with a body of some media type.
pub fn content(media_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    let media_type = HeaderValue::from_static(media_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// A 302 to another place, which must not be kept by caches. Clients follow it with the
/// method that they came with (RFC 9110, 15.4.3).
///
/// # Errors
/// The place cannot be a header: a fault of the program.
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

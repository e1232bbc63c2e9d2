//! Answers.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::ApiError;

/// The answer of a handler.
pub type Reply = Result<Response<Vec<u8>>, ApiError>;

/// A JSON answer.
///
/// # Errors
/// The value cannot be written as JSON: a fault in the program.
pub fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(body).map_err(base::Failure::from)?;
    let mut response = content("application/json", body);
    *response.status_mut() = status;
    Ok(response)
}

/// 200 with a body of this media type.
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

/// Adds `Location`: the new resource, or the place where the client is to go.
///
/// # Errors
/// `location` cannot stand in a header: a fault in the program.
pub fn located(location: &str, mut response: Response<Vec<u8>>) -> Reply {
    let location = HeaderValue::try_from(location).map_err(base::Failure::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// A 302 to `location`, which caches must not keep. Clients send the same method there
/// (RFC 9110, 15.4.3).
///
/// # Errors
/// `location` cannot stand in a header: a fault in the program.
pub fn redirect(location: &str) -> Reply {
    let mut response = located(location, empty(StatusCode::FOUND))?;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

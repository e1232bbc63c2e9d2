use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{Error, Result};

/// The time for which a browser may remember the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_secs(3000);

/// The CORS rules of a bucket: the origins may use any method and
/// header, and their scripts may read the answer to an upload.
pub(super) fn layer(origins: Option<&[String]>) -> Result<CorsLayer> {
    let origins = match origins {
        None => AllowOrigin::any(),
        Some(origins) => origins
            .iter()
            .map(|origin| {
                HeaderValue::from_str(origin)
                    .map_err(|_| Error::Option(format!("`{origin}` is no origin")))
            })
            .collect::<Result<Vec<_>>>()?
            .into(),
    };
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::POST,
            Method::DELETE,
        ])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::ETAG,
            header::CONTENT_LENGTH,
            header::LAST_MODIFIED,
            HeaderName::from_static("x-amz-request-id"),
            HeaderName::from_static("x-amz-checksum-sha256"),
        ])
        .max_age(MAX_AGE))
}

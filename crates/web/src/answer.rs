//! Headers that every answer has.

use base::Trace;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use origins::Origins;
use serde_json::json;

use crate::{ApiError, Reply, cors};

/// The configuration of cross-origin requests. It is read only if a request has an
/// `Origin`.
pub(crate) struct Cors {
    /// The variable `allowed_origins`.
    pub(crate) origins: String,
    /// The variable `allowed_headers`.
    pub(crate) headers: String,
}

impl Cors {
    /// Reads the variable `cors` of a component: `allowed_origins`, a semicolon and
    /// `allowed_headers`. No name of a header has a semicolon, while origins may have one
    /// by mistake.
    pub(crate) fn parse(text: &str) -> Self {
        let (origins, headers) = text.rsplit_once(';').unwrap_or((text, ""));
        Self {
            origins: origins.to_owned(),
            headers: headers.to_owned(),
        }
    }
}

/// Makes the response from a reply. `allowed` are the methods of the route.
pub(crate) fn finish(
    request: &Parts,
    allowed: &[Method],
    cors: impl FnOnce() -> Cors,
    trace: &Trace,
    reply: Reply,
) -> Response<Vec<u8>> {
    let mut response = reply.unwrap_or_else(error_response);
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = request.headers.get(header::ORIGIN) {
        let cors = cors();
        cors::add(Origins::new(&cors.origins), origin, headers);
        if request.method == Method::OPTIONS {
            cors::add_preflight(allowed, &cors.headers, headers);
        }
    }
    // Answers hold users' own data, which caches must not keep.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.extend(trace.answer_headers());
    if request.method == Method::HEAD {
        response.body_mut().clear();
    } else if !matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        let length = HeaderValue::from(response.body().len());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length);
    }
    response
}

fn error_response(error: ApiError) -> Response<Vec<u8>> {
    let body = json!({ "error": error.message, "code": error.code });
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.extend(error.headers);
    response
}

#[cfg(test)]
mod tests {
    use base::Failure;
    use http::Request;

    use super::*;

    const SITE: &str = "https://travel.example";

    fn answer(method: Method, headers: &[(&str, &str)], reply: Reply) -> Response<Vec<u8>> {
        let mut request = Request::builder().method(method).uri("/scan");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cors = || Cors {
            origins: SITE.to_owned(),
            headers: "X-App".to_owned(),
        };
        let parts = request.body(()).unwrap().into_parts().0;
        let trace = Trace::from_headers(Some("id-1"), None, None);
        finish(&parts, &[Method::GET, Method::OPTIONS], cors, &trace, reply)
    }

    #[test]
    fn a_preflight_of_an_allowed_site_is_told_methods_and_headers() {
        let reply = || Ok(crate::empty(StatusCode::NO_CONTENT));
        let response = answer(Method::OPTIONS, &[("origin", SITE)], reply());
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("access-control-allow-origin"), SITE);
        assert_eq!(header("access-control-allow-methods"), "GET, OPTIONS");
        assert!(header("access-control-allow-headers").ends_with(", X-App"));

        let stranger = [("origin", "https://evil.example")];
        let response = answer(Method::OPTIONS, &stranger, reply());
        for name in [
            "access-control-allow-origin",
            "access-control-allow-methods",
        ] {
            assert!(!response.headers().contains_key(name));
        }
        assert_eq!(response.headers()["vary"], "Origin");
    }

    #[test]
    fn head_is_get_without_its_body() {
        let reply = crate::json(StatusCode::OK, &json!({"a": 1}));
        let response = answer(Method::HEAD, &[], reply);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.body().is_empty());
    }

    #[test]
    fn an_error_says_what_is_wrong_in_words_and_in_a_code() {
        let reply = Err(ApiError::bad_request("bad_thing", "thing must be blue"));
        let response = answer(Method::GET, &[], reply);
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            body,
            json!({"error": "thing must be blue", "code": "bad_thing"})
        );
        assert_eq!(response.headers()["x-request-id"], "id-1");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn details_stay_in_the_log() {
        let reply = Err(Failure::unavailable("Redis", "connection refused 10.0.0.7").into());
        let response = answer(Method::GET, &[], reply);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(!String::from_utf8_lossy(response.body()).contains("10.0.0.7"));
    }
}

//! What holds for every request, whatever the endpoint does.

use base::Trace;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use crate::cors::{self, Origins};
use crate::reply::empty;
use crate::{ApiError, Reply};

/// What an endpoint takes.
pub struct Endpoint {
    /// The methods, without `OPTIONS`; `HEAD` comes with `GET`.
    pub methods: &'static [Method],
    /// The largest body in bytes.
    pub body_limit: usize,
}

impl Endpoint {
    /// An endpoint that is read.
    pub const fn get() -> Self {
        Self {
            methods: &[Method::GET],
            body_limit: 0,
        }
    }

    /// An endpoint that takes a body.
    pub const fn post(body_limit: usize) -> Self {
        Self {
            methods: &[Method::POST],
            body_limit,
        }
    }

    /// All methods that are answered, as `Allow` lists them.
    fn allowed(&self) -> Vec<Method> {
        let mut methods = self.methods.to_vec();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        methods.push(Method::OPTIONS);
        methods
    }

    /// The answer to a request that the endpoint itself need not see: a
    /// preflight, another method, a body that is said to be too large.
    pub(crate) fn answer_early(&self, request: &Parts) -> Option<Reply> {
        let allowed = self.allowed();
        if request.method == Method::OPTIONS {
            let mut response = empty(StatusCode::NO_CONTENT);
            response
                .headers_mut()
                .insert(header::ALLOW, cors::list(&allowed));
            return Some(Ok(response));
        }
        if !allowed.contains(&request.method) {
            let list = cors::list(&allowed);
            let message = format!(
                "{} is not answered here; use one of {}",
                request.method,
                list.to_str().unwrap_or_default()
            );
            let mut error = ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                message,
            );
            error.headers.push((header::ALLOW, list));
            return Some(Err(error));
        }
        let length = request
            .headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()?;
        self.refuse_body(length).map(Err)
    }

    /// The refusal of a body of this length, if it is too long. Where no body
    /// is taken, one is ignored.
    pub(crate) fn refuse_body(&self, length: u64) -> Option<ApiError> {
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        (limit > 0 && length > limit).then(|| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body may have at most {limit} bytes"),
            )
        })
    }

    /// Makes the response of an endpoint's reply, with everything that every
    /// answer has. `origins` gives the origins that browsers may call from.
    pub(crate) fn finish(
        &self,
        request: &Parts,
        origins: impl FnOnce() -> String,
        trace: &Trace,
        reply: Reply,
    ) -> Response<Vec<u8>> {
        let mut response = reply.unwrap_or_else(error_response);
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = request.headers.get(header::ORIGIN) {
            cors::add(&Origins(&origins()), origin, headers);
        }
        if request.method == Method::OPTIONS {
            cors::add_preflight(&self.allowed(), headers);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            // Everything here is somebody's own.
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.extend(trace.headers());
        if request.method == Method::HEAD {
            response.body_mut().clear();
        } else if !matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            let length = HeaderValue::from(response.body().len());
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
        }
        response
    }
}

fn error_response(error: ApiError) -> Response<Vec<u8>> {
    let body = json!({ "error": error.message, "code": error.code });
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in error.headers {
        headers.insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SITE: &str = "https://travel.example";

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/scan");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn answer(endpoint: &Endpoint, parts: &Parts, reply: Reply) -> Response<Vec<u8>> {
        let reply = endpoint.answer_early(parts).unwrap_or(reply);
        endpoint.finish(
            parts,
            || SITE.to_owned(),
            &Trace::from_headers(Some("id-1"), None),
            reply,
        )
    }

    #[test]
    fn a_preflight_is_answered_without_a_token() {
        let request = parts(Method::OPTIONS, &[("origin", SITE)]);
        let response = answer(
            &Endpoint::get(),
            &request,
            Err(base::Failure::internal("unasked").into()),
        );
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers()["access-control-allow-origin"], SITE);
        assert_eq!(
            response.headers()["access-control-allow-methods"],
            "GET, HEAD, OPTIONS"
        );
        assert!(
            response.headers()["access-control-allow-headers"]
                .to_str()
                .unwrap()
                .contains("Authorization")
        );
    }

    #[test]
    fn a_preflight_of_another_site_gets_no_permission() {
        let request = parts(Method::OPTIONS, &[("origin", "https://evil.example")]);
        let response = answer(
            &Endpoint::get(),
            &request,
            Err(base::Failure::internal("unasked").into()),
        );
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-methods")
        );
        assert_eq!(response.headers()["vary"], "Origin");
    }

    #[test]
    fn another_method_is_told_which_are_allowed() {
        let response = answer(
            &Endpoint::post(10),
            &parts(Method::GET, &[]),
            Err(base::Failure::internal("unasked").into()),
        );
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST, OPTIONS");
    }

    #[test]
    fn head_is_get_without_its_body() {
        let reply = crate::json(StatusCode::OK, &json!({"a": 1}));
        let response = answer(&Endpoint::get(), &parts(Method::HEAD, &[]), reply);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.body().is_empty());
    }

    #[test]
    fn a_body_that_says_it_is_too_large_is_refused_unread() {
        let request = parts(Method::POST, &[("content-length", "11")]);
        let response = answer(
            &Endpoint::post(10),
            &request,
            Err(base::Failure::internal("unasked").into()),
        );
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(Endpoint::post(10).refuse_body(10).is_none());
    }

    #[test]
    fn an_error_says_what_is_wrong_in_words_and_in_a_code() {
        let reply = Err(ApiError::bad_request("bad_thing", "thing must be blue"));
        let response = answer(&Endpoint::get(), &parts(Method::GET, &[]), reply);
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
        let reply = Err(base::Failure::unavailable("Redis", "connection refused 10.0.0.7").into());
        let response = answer(&Endpoint::get(), &parts(Method::GET, &[]), reply);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(!String::from_utf8_lossy(response.body()).contains("10.0.0.7"));
    }
}

//! Cross-origin requests, as the Fetch standard defines them.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use origins::{Allowed, Origins};

/// The request headers that any page may send: those of this API, and those of W3C trace
/// contexts, OpenTelemetry and Sentry.
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent, tracestate, baggage, sentry-trace";

/// Adds the headers that let a page of an allowed origin read an answer.
pub(crate) fn add(origins: Origins<'_>, origin: &HeaderValue, headers: &mut HeaderMap) {
    let allowed = match origins.allow(origin.as_bytes()) {
        Some(Allowed::Any) => HeaderValue::from_static("*"),
        Some(Allowed::This) => origin.clone(),
        None => return,
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag, Location, Retry-After, X-Request-Id"),
    );
}

/// Adds the headers that answer a preflight. `more` names headers that the operator
/// allows beside [`HEADERS`], separated by commas: the variable `allowed_headers`. The
/// answer does not depend on the headers that the browser asks for; browsers compare
/// names without case.
pub(crate) fn add_preflight(methods: &[Method], more: &str, headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    let more = more.split(',').map(str::trim);
    let more = more.filter(|name| HeaderName::try_from(*name).is_ok());
    let allowed = [HEADERS].into_iter().chain(more).collect::<Vec<_>>();
    if let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, list(methods));
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
}

/// Methods as a header lists them.
pub(crate) fn list(methods: &[Method]) -> HeaderValue {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_origin_is_answered_as_the_browser_wrote_it() {
        for (list, allowed) in [
            (
                "HTTPS://Travel.Example:443/",
                Some("https://travel.example"),
            ),
            ("*", Some("*")),
            ("https://other.example", None),
        ] {
            let mut headers = HeaderMap::new();
            let site = HeaderValue::from_static("https://travel.example");
            add(Origins::new(list), &site, &mut headers);
            let found = headers.get("access-control-allow-origin");
            assert_eq!(
                found.map(|value| value.to_str().unwrap()),
                allowed,
                "{list}"
            );
        }
    }

    #[test]
    fn headers_of_tracing_clients_are_allowed_and_those_that_the_operator_names() {
        let mut headers = HeaderMap::new();
        add_preflight(&[Method::GET], "X-App", &mut headers);
        assert!(headers.is_empty(), "another site gets no permission");
        let site = HeaderValue::from_static("https://travel.example");
        add(Origins::new("*"), &site, &mut headers);
        add_preflight(&[Method::GET], "X-App, , b\u{e9}d, a b", &mut headers);
        let allowed = headers["access-control-allow-headers"].to_str().unwrap();
        assert!(
            allowed.ends_with("traceparent, tracestate, baggage, sentry-trace, X-App"),
            "{allowed}"
        );
    }
}

//! Cross-origin requests, as the Fetch standard defines them.

use http::{HeaderMap, HeaderValue, Method, header};

/// The origins that browsers may call from: the variable `allowed_origins`, a
/// list separated by commas, or `*` for all.
pub(crate) struct Origins<'a>(pub(crate) &'a str);

impl Origins<'_> {
    /// The value of `Access-Control-Allow-Origin` for a request of this origin.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let listed = |wanted: &[u8]| {
            self.0
                .split(',')
                .map(str::trim)
                .any(|listed| listed.as_bytes() == wanted)
        };
        if listed(b"*") {
            Some(HeaderValue::from_static("*"))
        } else {
            // An empty entry of the list must not match an empty origin.
            (!origin.is_empty() && listed(origin.as_bytes())).then(|| origin.clone())
        }
    }
}

/// Adds to an answer what the caller's browser needs to let it through.
pub(crate) fn add(origins: &Origins<'_>, origin: &HeaderValue, headers: &mut HeaderMap) {
    let Some(allowed) = origins.allow(origin) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag, Location, Retry-After, X-Request-Id"),
    );
}

/// Adds what a preflight asks for.
pub(crate) fn add_preflight(methods: &[Method], headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, list(methods));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent",
        ),
    );
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

    fn allowed(origins: &str, origin: &'static str) -> Option<HeaderValue> {
        Origins(origins).allow(&HeaderValue::from_static(origin))
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let list = "https://travel.example, http://localhost:5173";
        assert_eq!(
            allowed(list, "https://travel.example").unwrap(),
            "https://travel.example"
        );
        assert_eq!(
            allowed(list, "http://localhost:5173").unwrap(),
            "http://localhost:5173"
        );
        for other in [
            "https://evil.example",
            "https://travel.example.evil",
            "null",
            "",
        ] {
            assert_eq!(allowed(list, other), None, "{other}");
        }
        assert_eq!(allowed("", ""), None);
        assert_eq!(allowed("", "https://travel.example"), None);
        assert_eq!(allowed("*", "https://any.example").unwrap(), "*");
    }
}

//! The `spin-*` headers that tell a component how its request was routed.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use super::router::RouteMatch;
use crate::allowed_hosts::internal_component;

const PREFIX: &str = "spin-";
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// Removes the headers that only the host may set and those that end at the host.
pub fn strip<B>(request: &mut Request<B>) {
    let headers = request.headers_mut();
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PREFIX))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.map(|host| host.split(':').next().unwrap_or(host));
    if host.and_then(internal_component).is_some() {
        headers.remove(HOST);
    }
    headers.remove(CONNECTION);
}

/// Adds the headers. Leaves out a value that no header can hold.
pub fn add<B>(request: &mut Request<B>, found: &RouteMatch, client: SocketAddr) {
    let full_url = full_url(request.uri(), request.headers());
    let client = client.to_string();
    let route = &found.route;
    let headers = request.headers_mut();
    let mut add = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    add(PATH_INFO, &found.path_info);
    add(FULL_URL, &full_url);
    add(MATCHED_ROUTE, &route.pattern);
    add(BASE_PATH, "/");
    add(RAW_COMPONENT_ROUTE, &route.raw);
    add(COMPONENT_ROUTE, route.prefix());
    add(CLIENT_ADDR, &client);
    for (name, value) in &found.named {
        let name = name.replace('_', "-");
        if let Ok(name) = HeaderName::try_from(format!("{PREFIX}path-match-{name}")) {
            add(name, value);
        }
    }
}

fn full_url(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let scheme = uri.scheme_str().unwrap_or("http");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{}{path}", host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::super::router::Router;
    use super::*;

    fn client() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 4321))
    }

    fn header<'a>(request: &'a Request<()>, name: &str) -> Vec<&'a str> {
        let values = request.headers().get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_component_learns_how_it_was_routed() {
        let router = Router::new([("/obtain/:user_id/...", "obtain")]).unwrap();
        let mut request = Request::get("http://example.com/obtain/7/a.png?x=1")
            .header("host", "example.com")
            .body(())
            .unwrap();
        let found = router.route(request.uri().path()).unwrap();
        add(&mut request, &found, client());
        for (name, value) in [
            ("spin-path-info", "/a.png"),
            ("spin-full-url", "http://example.com/obtain/7/a.png?x=1"),
            ("spin-matched-route", "/obtain/:user_id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/obtain/:user_id/..."),
            ("spin-component-route", "/obtain/:user_id"),
            ("spin-client-addr", "10.0.0.1:4321"),
            ("spin-path-match-user-id", "7"),
        ] {
            assert_eq!(header(&request, name), [value], "{name}");
        }
    }

    #[test]
    fn a_client_can_not_pretend() {
        let mut request = Request::get("/")
            .header("spin-path-match-file", "other.png")
            .header("SPIN-CLIENT-ADDR", "127.0.0.1:1")
            .header("connection", "close")
            .header("host", "images.spin.internal:80")
            .header("x-mine", "kept")
            .body(())
            .unwrap();
        strip(&mut request);
        let left: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-mine"]);
    }
}

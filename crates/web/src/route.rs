//! The table of routes.

use std::pin::Pin;

use base::Failure;
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use crate::access::{Access, authorize};
use crate::observe::{OBSERVER, Observer};
use crate::{ApiError, Call, Reply, cors};

/// The answer of a handler, to be awaited.
type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + 'a>>;

/// A route: a method, a pattern of paths, and the handler that answers. By default it is
/// for users with a valid token, and no body is read.
///
/// ```ignore
/// web::exports![
///     Route::get("/orders", list),
///     Route::post("/orders", create).json(BODY_LIMIT),
///     Route::get("/orders/{orderId}", read),
/// ];
/// ```
pub struct Route<'a> {
    pub(crate) method: Method,
    pattern: &'static str,
    pub(crate) access: Access,
    pub(crate) observer: Option<&'static Observer>,
    pub(crate) body: Body,
    pub(crate) handler: Box<dyn FnOnce(Call) -> Answering<'a> + 'a>,
}

/// The body that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// No body: a body that is sent is not read.
    Ignored,
    /// JSON of at most this many bytes.
    Json(usize),
    /// A JSON merge patch (RFC 7396) of at most this many bytes.
    MergePatch(usize),
    /// At most this many bytes of any type.
    Bytes(usize),
}

impl<'a> Route<'a> {
    fn new<F: Future<Output = Reply> + 'a>(
        method: Method,
        pattern: &'static str,
        access: Access,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self {
            method,
            pattern,
            access,
            observer: None,
            body: Body::Ignored,
            handler: Box::new(|call| Box::pin(handler(call))),
        }
    }

    /// Records the route's requests for operators.
    fn observed(self) -> Self {
        Self {
            observer: Some(&OBSERVER),
            ..self
        }
    }

    /// A `GET` route, which answers `HEAD` too.
    ///
    /// `{name}` in the pattern stands for one segment that is not empty; [`Call::path`]
    /// returns it. If several patterns fit a path, the first counts.
    pub fn get<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::GET, pattern, Access::User(authorize), handler).observed()
    }

    /// A `GET` for all callers, of a component that has no authorizer; see [`Route::get`]
    /// for the pattern.
    pub fn get_public<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::GET, pattern, Access::Public, handler)
    }

    /// A `POST`; see [`Route::get`] for the pattern.
    pub fn post<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::POST, pattern, Access::User(authorize), handler).observed()
    }

    /// A `POST` of a machine, which must send the token of the variable `token`; see
    /// [`Route::get`] for the pattern.
    pub fn post_by_machine<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        token: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::POST, pattern, Access::Token(token), handler).observed()
    }

    /// A `PUT`; see [`Route::get`] for the pattern.
    pub fn put<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::PUT, pattern, Access::User(authorize), handler).observed()
    }

    /// A `PATCH`; see [`Route::get`] for the pattern.
    pub fn patch<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::PATCH, pattern, Access::User(authorize), handler).observed()
    }

    /// A `DELETE`; see [`Route::get`] for the pattern.
    pub fn delete<F: Future<Output = Reply> + 'a>(
        pattern: &'static str,
        handler: impl FnOnce(Call) -> F + 'a,
    ) -> Self {
        Self::new(Method::DELETE, pattern, Access::User(authorize), handler).observed()
    }

    /// Takes JSON of at most `limit` bytes.
    #[must_use]
    pub fn json(self, limit: usize) -> Self {
        let body = Body::Json(limit);
        Self { body, ..self }
    }

    /// Takes a JSON merge patch (RFC 7396) of at most `limit` bytes, as
    /// `application/merge-patch+json` or `application/json`.
    #[must_use]
    pub fn merge_patch(self, limit: usize) -> Self {
        let body = Body::MergePatch(limit);
        Self { body, ..self }
    }

    /// Takes at most `limit` bytes of any type.
    #[must_use]
    pub fn bytes(self, limit: usize) -> Self {
        let body = Body::Bytes(limit);
        Self { body, ..self }
    }

    /// Admits only users with this role.
    #[must_use]
    pub fn role(self, role: &'static str) -> Self {
        self.access(Access::Role(authorize, role))
    }

    /// Admits machines that send `token`, and users with a role. Where the token cannot be
    /// read or is unset, `token` fails, and no machine is admitted.
    #[must_use]
    pub fn token_or_role(self, token: fn() -> Result<String, Failure>, role: &'static str) -> Self {
        self.access(Access::TokenOrRole(token, authorize, role))
    }

    fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }
}

/// The routes of a path, with the parameters in it.
pub(crate) struct Found<'a> {
    /// The route for the method; `None` for `OPTIONS` and for a method that is not
    /// allowed.
    pub(crate) route: Option<Route<'a>>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) pattern: &'static str,
    /// All methods of the path, as `Allow` lists them.
    pub(crate) allowed: Vec<Method>,
}

/// Finds the route of a request.
///
/// Paths are compared segment by segment: an empty segment (`//orders`) and a dot
/// (`/./orders`) are segments like others. One `/` at the end is ignored, as in Spin's
/// router.
pub(crate) fn find<'a>(
    routes: impl IntoIterator<Item = Route<'a>>,
    method: &Method,
    path: &str,
) -> Result<Found<'a>, ApiError> {
    let unknown = || ApiError::not_found("unknown_route", "there is no such route");
    let mut pattern = None;
    let mut found = Found {
        route: None,
        parameters: Vec::new(),
        pattern: "",
        allowed: Vec::new(),
    };
    for route in routes {
        match pattern {
            Some(pattern) if pattern != route.pattern => continue,
            Some(_) => {}
            None => match parameters(route.pattern, path)? {
                None => continue,
                Some(parameters) => found.parameters = parameters,
            },
        }
        pattern = Some(route.pattern);
        found.allowed.push(route.method.clone());
        if route.method == *method || (route.method == Method::GET && *method == Method::HEAD) {
            found.route = Some(route);
        }
    }
    found.pattern = pattern.ok_or_else(unknown)?;
    if found.allowed.contains(&Method::GET) {
        found.allowed.push(Method::HEAD);
    }
    found.allowed.push(Method::OPTIONS);
    Ok(found)
}

/// The parameters of a path; `None` if it does not fit the pattern.
fn parameters(
    pattern: &'static str,
    path: &str,
) -> Result<Option<Vec<(&'static str, String)>>, ApiError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    let mut parameters = Vec::new();
    for wanted in pattern.split('/') {
        let Some(segment) = segments.next() else {
            return Ok(None);
        };
        let name = wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
        match name {
            None if wanted == segment => {}
            Some(name) if !segment.is_empty() => parameters.push((name, segment)),
            _ => return Ok(None),
        }
    }
    if segments.next().is_some() {
        return Ok(None);
    }
    let decoded = parameters.into_iter().map(|(name, segment)| {
        // An encoded slash is part of its segment.
        let decoded = percent_decode_str(segment).decode_utf8();
        let decoded = decoded.map_err(|_| {
            let message = format!("{name} in the path must be UTF-8, percent-encoded");
            ApiError::bad_request("invalid_path", message)
        })?;
        Ok((name, decoded.into_owned()))
    });
    decoded.collect::<Result<_, _>>().map(Some)
}

impl Found<'_> {
    /// The refusal of a method that the path does not have.
    pub(crate) fn method_not_allowed(&self, method: &Method) -> ApiError {
        let list = cors::list(&self.allowed);
        let message = format!(
            "{method} is not answered here; use one of {}",
            list.to_str().unwrap_or_default()
        );
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut error = ApiError::new(status, "method_not_allowed", message);
        error.headers.push((header::ALLOW, list));
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(_: Call) -> Reply {
        Ok(crate::empty(StatusCode::OK))
    }

    fn table() -> [Route<'static>; 5] {
        [
            Route::get("/orders", answer),
            Route::post("/orders", answer).json(10),
            Route::get("/orders/{orderId}", answer),
            Route::post("/q/{queue}/dead/redrive", answer),
            Route::delete("/q/{queue}/dead/{id}", answer),
        ]
    }

    type Parameters = Vec<(&'static str, String)>;

    fn route(path: &str) -> Result<(Parameters, String), &'static str> {
        let found = find(table(), &Method::OPTIONS, path).map_err(|error| error.code)?;
        let allowed = cors::list(&found.allowed).to_str().unwrap().to_owned();
        Ok((found.parameters, allowed))
    }

    #[test]
    fn a_path_leads_to_the_methods_of_the_first_pattern_that_fits() {
        let get_post = "GET, POST, HEAD, OPTIONS".to_owned();
        assert_eq!(route("/orders"), Ok((vec![], get_post.clone())));
        assert_eq!(route("/orders/"), Ok((vec![], get_post)));
        let id = |id: &str| vec![("orderId", id.to_owned())];
        for (path, decoded) in [
            ("/orders/a", "a"),
            ("/orders/a/", "a"),
            ("/orders/a%2Fb", "a/b"),
            ("/orders/%2561", "%61"),
            ("/orders/%zz", "%zz"),
            ("/orders/.", "."),
            ("/orders/a+b", "a+b"),
        ] {
            let get = "GET, HEAD, OPTIONS".to_owned();
            assert_eq!(route(path), Ok((id(decoded), get)), "{path}");
        }
        assert_eq!(route("/q/a/dead/redrive").unwrap().1, "POST, OPTIONS");
        assert_eq!(route("/q/a/dead/1-0").unwrap().1, "DELETE, OPTIONS");
    }

    #[test]
    fn a_path_of_other_segments_is_no_route() {
        for path in [
            "/",
            "",
            "//",
            "//orders",
            "/orders//",
            "/./orders",
            "/orders/x/y",
            "/orders/../orders",
            "/order",
            "/Orders",
            "/%6frders",
            "orders",
            "/q//dead/1-0",
            "/q/a/dead/redrive/x",
        ] {
            assert_eq!(route(path), Err("unknown_route"), "{path}");
        }
        assert_eq!(route("/orders/%ff"), Err("invalid_path"));
    }

    #[test]
    fn the_method_chooses_the_route_and_head_is_for_get() {
        let method = |method, path| {
            let found = find(table(), &method, path).ok().unwrap();
            found.route.map(|route| (route.method, route.body))
        };
        let get = Some((Method::GET, Body::Ignored));
        assert_eq!(method(Method::HEAD, "/orders"), get);
        let post = Some((Method::POST, Body::Json(10)));
        assert_eq!(method(Method::POST, "/orders"), post);
        assert_eq!(method(Method::PUT, "/orders"), None);
        assert_eq!(method(Method::HEAD, "/q/a/dead/redrive"), None);
    }
}

//! Finds the component for a path, with the precedence of Spin: exact segments
//! before `:name`, and those before a trailing `/...`.
//!
//! A path is compared segment by segment, as it was sent: nothing is decoded, and
//! `.`, `..` and `;parameters` are text like any other. As in Spin, one trailing
//! slash may be there or not. A route has no empty segment elsewhere,
//! so that `//metrics` is not `/metrics` past a proxy's rule; a trailing `/...`
//! matches any rest. Spin ignores empty segments at both ends of a path.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The routes of an application.
pub struct Router {
    routes: routefinder::Router<Arc<Route>>,
}

/// A route of the manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The component that answers.
    pub component: String,
    /// The route as the manifest has it.
    pub raw: String,
    /// The route with a leading slash and without a trailing one.
    pub pattern: String,
}

/// A path that matches a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMatch {
    /// The route.
    pub route: Arc<Route>,
    /// The part of the path that the trailing `/...` matches, from its slash on.
    pub path_info: String,
    /// The segment that each `:name` matches.
    pub named: BTreeMap<String, String>,
}

impl Router {
    /// Builds the table. Of two equal routes the later one wins, with a warning.
    ///
    /// # Errors
    /// A route can't be parsed: its number, and why.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, (usize, String)> {
        let mut by_pattern: BTreeMap<String, (usize, Route)> = BTreeMap::new();
        for (index, (raw, component)) in routes.into_iter().enumerate() {
            let pattern = pattern(raw);
            let route = Route {
                component: component.to_owned(),
                raw: raw.to_owned(),
                pattern: pattern.clone(),
            };
            if let Some((_, other)) = by_pattern.insert(pattern, (index, route)) {
                tracing::warn!(
                    "route {} of `{}` is never used: `{component}` has it too",
                    other.raw,
                    other.component
                );
            }
        }
        let mut router = routefinder::Router::new();
        for (pattern, (index, route)) in by_pattern {
            let spec = match pattern.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => pattern,
            };
            router
                .add(spec.as_str(), Arc::new(route))
                .map_err(|reason| (index, reason.to_string()))?;
        }
        Ok(Self { routes: router })
    }

    /// The most specific route that matches a path.
    pub fn route(&self, path: &str) -> Option<RouteMatch> {
        let (path_info, best) = self
            .routes
            .match_iter(path)
            .find_map(|found| Some((found.handler().path_info(path)?, found)))?;
        let route = best.handler();
        let captures = best.captures();
        Some(RouteMatch {
            route: route.clone(),
            path_info: path_info.to_owned(),
            named: captures
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// Every route with its component, for people.
    pub fn routes(&self) -> impl Iterator<Item = (String, &str)> {
        self.routes.iter().map(|(_, route)| {
            let shown = match route.pattern.strip_suffix("/...") {
                Some(prefix) => format!("{prefix} (wildcard)"),
                None if route.pattern.is_empty() => "/".to_owned(),
                None => route.pattern.clone(),
            };
            (shown, route.component.as_str())
        })
    }
}

impl Route {
    /// The route as the manifest has it, without the trailing `/...`.
    pub fn prefix(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }

    /// The rest of a path that its last `/...` matches, or nothing where the route has
    /// none; `None` if empty segments keep the path from matching the route.
    fn path_info<'path>(&self, path: &'path str) -> Option<&'path str> {
        let Some(prefix) = self.pattern.strip_suffix("/...") else {
            return (!path.contains("//")).then_some("");
        };
        // The route's own segments end at the slash after them.
        let mut slashes = path.match_indices('/').map(|(at, _)| at);
        let end = slashes.nth(prefix.matches('/').count());
        let (own, rest) = path.split_at_checked(end.unwrap_or(path.len()))?;
        (!own.contains("//") && !own.ends_with('/')).then_some(rest)
    }
}

impl RouteMatch {
    /// The match of a request from another component, which uses no route.
    pub fn internal(component: &str, path: &str) -> Self {
        Self {
            route: Arc::new(Route {
                component: component.to_owned(),
                raw: "/...".to_owned(),
                pattern: "/...".to_owned(),
            }),
            path_info: path.to_owned(),
            named: BTreeMap::new(),
        }
    }
}

fn pattern(raw: &str) -> String {
    let route = raw.strip_suffix('/').unwrap_or(raw);
    if raw.starts_with('/') {
        route.to_owned()
    } else {
        format!("/{route}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(routes: &[(&str, &str)], path: &str) -> Option<String> {
        let router = Router::new(routes.iter().copied()).unwrap();
        router
            .route(path)
            .map(|found| found.route.component.clone())
    }

    #[test]
    fn the_most_specific_route_wins_in_any_order() {
        let mut routes = [
            ("/...", "all"),
            ("/images/...", "images"),
            ("/images/:file", "file"),
            ("/images/list", "list"),
            ("/:system/list", "lists"),
        ];
        for _ in 0..routes.len() {
            routes.rotate_left(1);
            for (path, expected) in [
                ("/", "all"),
                ("/other", "all"),
                ("/images", "images"),
                ("/images/a.png", "file"),
                ("/images/a/b", "images"),
                ("/images/list", "list"),
                ("/images/list/", "list"),
                ("/jobs/list", "lists"),
            ] {
                assert_eq!(
                    component(&routes, path).as_deref(),
                    Some(expected),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn paths_without_a_route_have_none() {
        let routes = [("/receiver", "receiver"), ("/obtain/:file", "obtain")];
        for path in [
            "/",
            "/receiver/x",
            "/obtain",
            "/obtain/",
            "/obtain/a/b",
            "/Receiver",
        ] {
            assert_eq!(component(&routes, path), None, "{path}");
        }
        assert!(component(&routes, "/obtain/a").is_some());
    }

    #[test]
    fn a_match_tells_what_the_pattern_stood_for() {
        let router = Router::new([("/a/:id/...", "a"), ("b/", "b")]).unwrap();
        for (path, path_info) in [
            ("/a/1", ""),
            ("/a/1/", "/"),
            ("/a/1/x/y", "/x/y"),
            ("/a/1/x/", "/x/"),
        ] {
            let found = router.route(path).unwrap();
            assert_eq!(found.path_info, path_info, "{path}");
            assert_eq!(found.named, [("id".to_owned(), "1".to_owned())].into());
            assert_eq!(found.route.prefix(), "/a/:id");
        }
        let found = router.route("/b").unwrap();
        assert_eq!((&*found.route.raw, &*found.route.pattern), ("b/", "/b"));
    }

    #[test]
    fn a_path_is_compared_segment_by_segment() {
        let routes = [
            ("/metrics", "metrics"),
            ("/orders/:id", "order"),
            ("/files/...", "files"),
        ];
        for (path, expected) in [
            ("/metrics/", Some("metrics")),
            ("//metrics", None),
            ("/metrics//", None),
            ("///", None),
            ("/%2Fmetrics", None),
            ("/metrics;v=1", None),
            ("/./metrics", None),
            ("/x/../metrics", None),
            ("/orders/a%2Fb", Some("order")),
            ("/orders/..", Some("order")),
            ("/orders//", None),
            ("//orders/7", None),
            ("/orders//7", None),
            ("//files/a", None),
            ("/files//a", Some("files")),
        ] {
            assert_eq!(component(&routes, path).as_deref(), expected, "{path}");
        }
        let all = [("/...", "all"), ("/metrics", "metrics")];
        assert_eq!(component(&all, "//metrics").as_deref(), Some("all"));
        let router = Router::new(all).unwrap();
        assert_eq!(router.route("//metrics").unwrap().path_info, "//metrics");
        let router = Router::new(routes).unwrap();
        assert_eq!(router.route("/files//a/").unwrap().path_info, "//a/");
    }

    #[test]
    fn of_equal_routes_the_later_counts() {
        assert_eq!(
            component(&[("/a", "one"), ("/a/", "two")], "/a").as_deref(),
            Some("two")
        );
    }
}

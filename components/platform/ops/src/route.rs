//! Which request is which.

use http::Method;
use percent_encoding::percent_decode_str;
use web::Endpoint;

/// The largest body of a redrive: the most ids, as long as they can be.
const REDRIVE_BODY: usize = 64 * 1024;

/// A route of the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/healthz`: whether the application answers at all.
    Health,
    /// `/readyz`: whether it reaches what it needs.
    Readiness,
    /// What only operators may ask for.
    Operation(Operation),
    /// Any other path.
    Unknown,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `/metrics`: the queues, for Prometheus.
    Metrics,
    /// `/ops/queues`: the queues, for people.
    Queues,
    /// `/ops/queues/{queue}/dead`: the dead letters of a queue.
    DeadLetters {
        /// The queue.
        queue: String,
    },
    /// `/ops/queues/{queue}/dead/redrive`: sends dead letters back.
    Redrive {
        /// The queue.
        queue: String,
    },
    /// `/ops/queues/{queue}/dead/{id}`: one dead letter.
    DeadLetter {
        /// The queue.
        queue: String,
        /// The letter's id.
        id: String,
    },
}

impl Route {
    /// The route of a path, whose query does not count.
    pub fn of(path_and_query: &str) -> Self {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let segments: Vec<_> = path
            .trim_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
            .collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let queue = |name: &str| name.to_owned();
        Self::Operation(match *segments {
            ["healthz"] => return Self::Health,
            ["readyz"] => return Self::Readiness,
            ["metrics"] => Operation::Metrics,
            ["ops", "queues"] => Operation::Queues,
            ["ops", "queues", name, "dead"] => Operation::DeadLetters { queue: queue(name) },
            ["ops", "queues", name, "dead", "redrive"] => Operation::Redrive { queue: queue(name) },
            ["ops", "queues", name, "dead", id] => Operation::DeadLetter {
                queue: queue(name),
                id: id.to_owned(),
            },
            _ => return Self::Unknown,
        })
    }

    /// What the route takes.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Operation(Operation::Redrive { .. }) => Endpoint::post(REDRIVE_BODY),
            Self::Operation(Operation::DeadLetter { .. }) => Endpoint {
                methods: &[Method::DELETE],
                body_limit: 0,
            },
            _ => Endpoint::get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_routes() {
        let queue = || "images".to_owned();
        for (path, route) in [
            ("/healthz", Route::Health),
            ("/readyz?verbose", Route::Readiness),
            ("/metrics/", Route::Operation(Operation::Metrics)),
            ("/ops/queues", Route::Operation(Operation::Queues)),
            (
                "/ops/queues/images/dead?limit=5",
                Route::Operation(Operation::DeadLetters { queue: queue() }),
            ),
            (
                "/ops/queues/im%61ges/dead/redrive",
                Route::Operation(Operation::Redrive { queue: queue() }),
            ),
            (
                "/ops/queues/images/dead/17-0",
                Route::Operation(Operation::DeadLetter {
                    queue: queue(),
                    id: "17-0".into(),
                }),
            ),
            ("/", Route::Unknown),
            ("/ops/queues/images", Route::Unknown),
            ("/ops/queues/images/dead/17-0/more", Route::Unknown),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn each_route_takes_its_own_method() {
        let methods = |path: &str| Route::of(path).endpoint().methods;
        assert_eq!(methods("/metrics"), [Method::GET]);
        assert_eq!(methods("/ops/queues/q/dead"), [Method::GET]);
        assert_eq!(methods("/ops/queues/q/dead/redrive"), [Method::POST]);
        assert_eq!(methods("/ops/queues/q/dead/1-0"), [Method::DELETE]);
    }
}

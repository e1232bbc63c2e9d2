//! Records of each request for operators, made after its answer was sent.

use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;
use stores::SpinRedis;
use telemetry::{Kind, Request, Settings, Span};

/// Records requests. Routes for users and machines name it, so that a component without any
/// imports no Redis.
pub(crate) struct Observer {
    /// Reads the settings for the records.
    settings: fn(&Trace) -> Settings,
    record: fn(&Settings, &Observed<'_>) -> Result<(), Failure>,
    /// Closes the connection that requests share.
    close: fn(),
}

pub(crate) static OBSERVER: Observer = Observer {
    settings: Settings::read,
    record,
    close: SpinRedis::close,
};

/// A request that was answered.
struct Observed<'a> {
    parts: &'a Parts,
    /// The pattern of its path, if a route fits.
    route: Option<&'static str>,
    status: StatusCode,
    took: Duration,
    trace: &'a Trace,
}

/// A request in hand.
pub(crate) struct Observation {
    observer: Option<&'static Observer>,
    settings: Settings,
    started: Instant,
}

impl Observation {
    /// Begins a request of a component that has `observer`, and decides whether a trace that
    /// begins with it is sampled.
    pub(crate) fn begin(
        observer: Option<&'static Observer>,
        started: Instant,
        trace: &mut Trace,
    ) -> Self {
        let settings = observer.map(|observer| (observer.settings)(trace));
        let settings = settings.unwrap_or_default();
        settings.sample(trace);
        Self {
            observer,
            settings,
            started,
        }
    }

    /// Records the request. A failure is logged: the request itself was answered.
    pub(crate) fn record(
        &self,
        parts: &Parts,
        route: Option<&'static str>,
        status: StatusCode,
        trace: &Trace,
    ) {
        let observed = Observed {
            parts,
            route,
            status,
            took: self.started.elapsed(),
            trace,
        };
        let recorded = self
            .observer
            .map(|observer| (observer.record)(&self.settings, &observed));
        if let Some(Err(failure)) = recorded {
            let fields = json!({"error": failure.to_string()});
            log::warn(trace, "a request was not recorded for operators", fields);
        }
    }

    /// Closes the connection to Redis that the request used.
    pub(crate) fn end(self) {
        if let Some(observer) = self.observer {
            (observer.close)();
        }
    }
}

fn record(settings: &Settings, observed: &Observed<'_>) -> Result<(), Failure> {
    let exports = settings.exports(observed.trace);
    if !settings.counts && !exports {
        return Ok(());
    }
    let (redis, request) = (SpinRedis::open()?, observed.request());
    if settings.counts {
        telemetry::count(&redis, &request, observed.took)?;
    }
    if exports {
        telemetry::keep(&redis, &[observed.span(&request)])?;
    }
    Ok(())
}

impl Observed<'_> {
    /// The request as it is counted. Its words are of a small set, for any request.
    fn request(&self) -> Request {
        let method = match &self.parts.method {
            known @ (&Method::GET
            | &Method::HEAD
            | &Method::POST
            | &Method::PUT
            | &Method::PATCH
            | &Method::DELETE
            | &Method::OPTIONS) => known.as_str(),
            _ => "other",
        };
        Request {
            method: method.to_owned(),
            route: self.route.unwrap_or("unknown").to_owned(),
            status: self.status.as_u16(),
        }
    }

    /// The span of the request, with the names of OpenTelemetry's conventions for HTTP
    /// servers.
    fn span(&self, request: &Request) -> Span {
        let Request {
            method,
            route,
            status,
        } = request;
        let name = format!("{method} {route}");
        let attributes = [
            ("http.request.method", method.as_str().into()),
            ("http.route", route.as_str().into()),
            ("http.response.status_code", i64::from(*status).into()),
            ("url.path", self.parts.uri.path().into()),
            ("orilla.request_id", self.trace.request_id().into()),
        ];
        let span = Span::new(self.trace, Kind::Server, &name, self.took, attributes);
        // A 4xx is the client's error and not the server's, as the conventions say.
        match self.status.is_server_error() {
            true => span.failed(&format!("it was answered {status}")),
            false => span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_is_counted_under_one_name() {
        let counted = |method: &str, route, status| {
            let request = http::Request::builder().method(method).uri("/x/1?y=2");
            let observed = Observed {
                parts: &request.body(()).unwrap().into_parts().0,
                route,
                status: StatusCode::from_u16(status).unwrap(),
                took: Duration::from_millis(1),
                trace: &Trace::new(),
            };
            let Request {
                method,
                route,
                status,
            } = observed.request();
            format!("{method} {route} {status}")
        };
        assert_eq!(counted("HEAD", Some("/x/{id}"), 200), "HEAD /x/{id} 200");
        assert_eq!(counted("BREW", Some("/x/{id}"), 405), "other /x/{id} 405");
        assert_eq!(counted("GET", None, 404), "GET unknown 404");
    }
}

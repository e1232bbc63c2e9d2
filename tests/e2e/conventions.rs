//! Rules for every route.

use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Manifest, Photo, RequestBuilder, SamplePhoto, USER, body, refusal};

const SITE: &str = "https://travel.example";

/// A route of the manifest, with values for its parameters.
struct Route {
    path: String,
    /// The methods that it takes, but for `HEAD` and `OPTIONS`.
    methods: Vec<Method>,
}

impl Route {
    fn is_open(&self) -> bool {
        is_open(&self.path)
    }

    fn method(&self) -> Method {
        self.methods[0].clone()
    }

    fn has_body(&self) -> bool {
        let has_none = [
            "/drain",
            "/cancel",
            "/retry",
            "/pause",
            "/resume",
            "/test",
            "/deliveries/x/resend",
        ]
        .iter()
        .any(|end| self.path.ends_with(end));
        [Method::POST, Method::PUT].contains(&self.method()) && !has_none
    }
}

/// Whether a path needs no credentials.
pub(crate) fn is_open(path: &str) -> bool {
    ["/healthz", "/readyz", "/openapi.json"].contains(&path)
        || path.starts_with("/docs")
        || path.starts_with("/console")
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body["error"].as_str()?;
        body["code"].as_str().map(str::to_owned)
    }

    fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code().as_deref() == Some(code)
    }
}

type Headers = Vec<(&'static str, &'static str)>;

/// A rule, and the routes that it applies to.
struct Rule {
    name: &'static str,
    applies: fn(&Route) -> bool,
    /// The request; with a token that may do everything where `true` is given.
    request: fn(&Route) -> (Method, String, bool, Headers),
    holds: fn(&Route, &Answer) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "without a token it is 401 with a challenge",
        applies: |route| !route.is_open(),
        request: |route| (route.method(), route.path.clone(), false, vec![]),
        holds: |_, answer| {
            answer.is(401, "missing_token")
                && answer.header("www-authenticate").starts_with("Bearer")
        },
    },
    Rule {
        name: "another method is 405, and which there are is told",
        applies: |_| true,
        request: |route| (Method::TRACE, route.path.clone(), false, vec![]),
        holds: |route, answer| {
            let allow = answer.header("allow");
            answer.is(405, "method_not_allowed") && allow.contains(route.method().as_str())
        },
    },
    Rule {
        name: "HEAD is taken where GET is, and nowhere else",
        applies: |_| true,
        request: |route| (Method::HEAD, route.path.clone(), true, vec![]),
        holds: |route, answer| {
            let takes_get = route.methods.contains(&Method::GET);
            (answer.status == 405) != takes_get && answer.body.is_empty()
        },
    },
    Rule {
        name: "a browser of an allowed site may ask without a token",
        applies: |_| true,
        request: |route| (Method::OPTIONS, route.path.clone(), false, preflight(SITE)),
        holds: |route, answer| {
            let methods = answer.header("access-control-allow-methods");
            answer.status == 204
                && answer.header("access-control-allow-origin") == SITE
                && methods.contains(route.method().as_str())
                && answer
                    .header("access-control-allow-headers")
                    .contains("Authorization")
        },
    },
    Rule {
        name: "a browser of another site may not",
        applies: |_| true,
        request: |route| {
            let headers = preflight("https://evil.example");
            (Method::OPTIONS, route.path.clone(), false, headers)
        },
        holds: |_, answer| !answer.headers.contains_key("access-control-allow-origin"),
    },
    Rule {
        name: "an allowed site can read errors, too",
        applies: |route| !route.is_open(),
        request: |route| {
            (
                route.method(),
                route.path.clone(),
                false,
                vec![("origin", SITE)],
            )
        },
        holds: |_, answer| {
            answer.status == 401 && answer.header("access-control-allow-origin") == SITE
        },
    },
    Rule {
        name: "the id of a request is told back",
        applies: |_| true,
        request: |route| {
            let id = vec![("x-request-id", "support-case-42")];
            (route.method(), route.path.clone(), false, id)
        },
        holds: |_, answer| answer.header("x-request-id") == "support-case-42",
    },
    Rule {
        name: "what is below it is no route",
        applies: |_| true,
        request: |route| {
            (
                Method::GET,
                format!("{}/no/such/route", route.path),
                true,
                vec![],
            )
        },
        holds: |_, answer| answer.status == 404,
    },
    Rule {
        name: "a Content-Type that is not JSON is 415",
        applies: Route::has_body,
        request: |route| {
            let headers = vec![("content-type", "text/plain")];
            (route.method(), route.path.clone(), true, headers)
        },
        holds: |_, answer| answer.status == 415 && answer.code().is_some(),
    },
    Rule {
        name: "a Content-Encoding is 415, and that there is none to be is told",
        applies: Route::has_body,
        request: |route| {
            let json = ("content-type", "application/json");
            let headers = vec![json, ("content-encoding", "gzip")];
            (route.method(), route.path.clone(), true, headers)
        },
        holds: |_, answer| answer.status == 415 && answer.header("accept-encoding") == "identity",
    },
    Rule {
        name: "two Authorization headers are 400",
        applies: |route| !route.is_open(),
        request: |route| {
            let second = vec![("authorization", "Bearer another")];
            (route.method(), route.path.clone(), true, second)
        },
        holds: |_, answer| answer.status == 400 && answer.code().is_some(),
    },
    Rule {
        name: "with a doubled slash it is no route",
        applies: |_| true,
        request: |route| (route.method(), format!("/{}", route.path), true, vec![]),
        holds: |_, answer| answer.status == 404,
    },
];

fn preflight(origin: &'static str) -> Headers {
    vec![
        ("origin", origin),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ]
}

#[tokio::test]
async fn every_rule_holds_on_every_route_of_the_manifest() {
    let manifest = Manifest::shipped();
    let routes = manifest.routes();
    assert!(routes.len() > 20, "{routes:?}");
    let app = App::of(
        manifest,
        &[(
            "allowed_origins",
            "https://other.example, https://travel.example",
        )],
    )
    .await;
    let everything = app
        .stack
        .token(USER, &["admin", "ops", "reviewer"])
        .unwrap();
    let mut broken = Vec::new();
    for route in routes {
        let path = Manifest::path(&route);
        let methods = app.methods(&path).await;
        let route = Route { path, methods };
        assert!(!route.methods.is_empty(), "{} takes nothing", route.path);
        for rule in RULES.iter().filter(|rule| (rule.applies)(&route)) {
            let (method, path, with_token, headers) = (rule.request)(&route);
            let mut request = app.request(method, &path);
            if with_token {
                request = request.bearer_auth(match &*route.path {
                    "/events/s3" => app.stack.events_token(),
                    "/compras/stream" => app.stack.stream_token(),
                    "/ipp/events" => app.stack.ipp_events_token(),
                    _ => &everything,
                });
            }
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = Answer::to(request).await;
            // Spin refuses a path without a route, and sends no body.
            let is_the_hosts = answer.status == 404 && answer.body.is_empty();
            let is_error = answer.status >= 400 && !answer.body.is_empty();
            let is_in_form = is_the_hosts
                || answer.headers.contains_key("x-request-id")
                    && (!is_error || answer.code().is_some());
            if !is_in_form || !(rule.holds)(&route, &answer) {
                let Answer { status, body, .. } = answer;
                broken.push(format!("{}: {path}: {status} {body}", rule.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    app.stop().await;
}

#[tokio::test]
async fn head_is_answered_where_get_is() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    for path in [
        format!("/images/{file}"),
        "/scan".into(),
        format!("/obtain/{file}"),
    ] {
        let get = app.get(USER, &path).await.status();
        let head = app
            .request_of(USER, Method::HEAD, &path)
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), get, "{path}");
        assert!(head.bytes().await.unwrap().is_empty());
    }
    assert_eq!(
        app.request(Method::HEAD, "/receiver")
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = App::start().await;
    let mut announcement = Photo::of("camera.png").announcement(USER, 1);
    announcement["padding"] = "x".repeat(200_000).into();
    assert_eq!(
        refusal(app.post(USER, "/receiver", &announcement).await, 413).await,
        "body_too_large"
    );

    // Without a Content-Length the size is known only while reading.
    let chunks =
        futures::stream::iter((0..4).map(|_| Ok::<_, std::io::Error>(vec![b' '; 100_000])));
    let streamed = app
        .request_of(USER, Method::POST, "/receiver")
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(streamed, 413).await, "body_too_large");

    announcement["padding"] = "".into();
    announcement["post"]["content"] = "x".repeat(8193).into();
    assert_eq!(
        refusal(app.post(USER, "/receiver", &announcement).await, 400).await,
        "invalid_field"
    );
    announcement["post"]["content"] = "x".repeat(8192).into();
    body(app.post(USER, "/receiver", &announcement).await, 200).await;
    app.stop().await;
}

#[tokio::test]
async fn ids_follow_a_request_into_answers_and_logs() {
    let app = App::start().await;
    let response = app
        .request(Method::GET, "/scan")
        .header("x-request-id", "support-case-42")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], "support-case-42");
    let traceparent = response.headers()["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{traceparent}"
    );

    let log = app.stack.log_dir().join("images-scan_stdout.txt");
    let log = &log;
    let line = tests::eventually("the log line", || async move {
        let text = std::fs::read_to_string(log).ok()?;
        let line = text.lines().find(|line| line.contains("support-case-42"))?;
        serde_json::from_str::<Value>(line).ok()
    })
    .await;
    assert_eq!(line["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        (&line["status"], &line["path"], &line["level"]),
        (&json!(401), &json!("/scan"), &json!("INFO"))
    );
    app.stop().await;
}

#[tokio::test]
async fn logs_hold_no_tokens_and_no_signed_urls() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    app.looked_at(USER, &file).await;
    app.get(USER, &format!("/obtain/{file}")).await;
    app.queue_is_empty().await;
    let token = app.token(USER);
    let signature = token.rsplit('.').next().unwrap();
    let mut lines = 0;
    for entry in std::fs::read_dir(app.stack.log_dir()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for secret in [
            signature,
            app.stack.jwt_secret(),
            app.stack.events_token(),
            app.stack.stream_token(),
            app.stack.s3().secret_key(),
            "X-Amz-Signature",
        ] {
            assert!(!text.contains(secret), "a secret is in the log");
        }
        lines += text.lines().count();
    }
    assert!(lines > 0);
    app.stop().await;
}

//! Rules for every route.

use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{API, App, Manifest, Photo, RequestBuilder, SamplePhoto, USER, body, refusal};

const SITE: &str = "https://travel.example";

/// A method of a route of the manifest, with values for the route's parameters.
pub(crate) struct Endpoint {
    pub(crate) path: String,
    pub(crate) method: Method,
    /// The methods of the path, but for `HEAD` and `OPTIONS`.
    methods: Vec<Method>,
}

impl Endpoint {
    /// All of an application.
    pub(crate) async fn all(app: &App) -> Vec<Self> {
        let mut endpoints = Vec::new();
        for route in Manifest::shipped().routes() {
            let path = Manifest::path(&route);
            let methods = app.methods(&path).await;
            assert!(!methods.is_empty(), "{path} takes nothing");
            endpoints.extend(methods.iter().map(|method| Self {
                path: path.clone(),
                method: method.clone(),
                methods: methods.clone(),
            }));
        }
        endpoints
    }

    pub(crate) fn is_open(&self) -> bool {
        ["/healthz", "/readyz", "/openapi.json"].contains(&&*self.path)
            || self.path.starts_with("/docs")
            || self.path.starts_with("/console")
    }

    /// Whether it takes JSON, as the OpenAPI document has it.
    fn takes_json(&self) -> bool {
        let kinds = API.body_types(&self.method, &self.path);
        kinds.contains(&"application/json")
    }

    /// A token that may do everything here.
    fn token(&self, app: &App) -> String {
        match &*self.path {
            "/events/s3" => app.stack.events_token().into(),
            "/compras/stream" => app.stack.stream_token().into(),
            "/ipp/events" => app.stack.ipp_events_token().into(),
            _ => app.tenant_token(USER, "cafe", &["admin", "ops", "reviewer"]),
        }
    }

    /// A request as a client would send it, but for a body.
    fn request(&self) -> Asked {
        Asked {
            method: self.method.clone(),
            path: self.path.clone(),
            with_token: true,
            headers: Vec::new(),
            body: "",
        }
    }

    /// The same without a token.
    fn anonymous(&self) -> Asked {
        Asked {
            with_token: false,
            ..self.request()
        }
    }

    /// The same with a body that says it is JSON.
    fn json(&self, body: &'static str) -> Asked {
        let asked = self.request().header("content-type", "application/json");
        Asked { body, ..asked }
    }
}

/// A request.
struct Asked {
    method: Method,
    path: String,
    with_token: bool,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

impl Asked {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    fn path(self, path: String) -> Self {
        Self { path, ..self }
    }

    async fn send(self, app: &App, endpoint: &Endpoint) -> Answer {
        let mut request = app.request(self.method, &self.path);
        if self.with_token {
            request = request.bearer_auth(endpoint.token(app));
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        Answer::to(request).await
    }
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

    /// The status, and of a refusal also its body, which tells what is wrong.
    fn outcome(&self) -> (u16, Option<&str>) {
        let refusal = self.code().map(|_| &*self.body);
        (self.status, refusal)
    }

    fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code().as_deref() == Some(code)
    }
}

/// A rule, and the endpoints that it applies to.
struct Rule {
    name: &'static str,
    applies: fn(&Endpoint) -> bool,
    request: fn(&Endpoint) -> Asked,
    holds: fn(&Endpoint, &Answer) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "without a token it is 401 with a challenge",
        applies: |endpoint| !endpoint.is_open(),
        request: Endpoint::anonymous,
        holds: |_, answer| {
            answer.is(401, "missing_token")
                && answer.header("www-authenticate").starts_with("Bearer")
        },
    },
    Rule {
        name: "another method is 405, and which there are is told",
        applies: |_| true,
        request: |endpoint| endpoint.anonymous().method(Method::TRACE),
        holds: |endpoint, answer| {
            let allow = answer.header("allow");
            answer.is(405, "method_not_allowed") && allow.contains(endpoint.method.as_str())
        },
    },
    Rule {
        name: "HEAD is taken where GET is, and nowhere else",
        applies: |_| true,
        request: |endpoint| endpoint.request().method(Method::HEAD),
        holds: |endpoint, answer| {
            let takes_get = endpoint.methods.contains(&Method::GET);
            (answer.status == 405) != takes_get && answer.body.is_empty()
        },
    },
    Rule {
        name: "a browser of an allowed site may ask without a token",
        applies: |_| true,
        request: |endpoint| preflight(endpoint, SITE),
        holds: |endpoint, answer| {
            let methods = answer.header("access-control-allow-methods");
            answer.status == 204
                && answer.header("access-control-allow-origin") == SITE
                && methods.contains(endpoint.method.as_str())
                && answer
                    .header("access-control-allow-headers")
                    .contains("Authorization")
        },
    },
    Rule {
        name: "a browser of another site may not",
        applies: |_| true,
        request: |endpoint| preflight(endpoint, "https://evil.example"),
        holds: |_, answer| !answer.headers.contains_key("access-control-allow-origin"),
    },
    Rule {
        name: "an allowed site can read errors, too",
        applies: |endpoint| !endpoint.is_open(),
        request: |endpoint| endpoint.anonymous().header("origin", SITE),
        holds: |_, answer| {
            answer.status == 401 && answer.header("access-control-allow-origin") == SITE
        },
    },
    Rule {
        name: "the id of a request is told back",
        applies: |_| true,
        request: |endpoint| {
            let asked = endpoint.anonymous();
            asked.header("x-request-id", "support-case-42")
        },
        holds: |_, answer| answer.header("x-request-id") == "support-case-42",
    },
    Rule {
        name: "what is below it is no route",
        applies: |_| true,
        request: |endpoint| {
            let path = format!("{}/no/such/route", endpoint.path);
            endpoint.request().path(path)
        },
        holds: |_, answer| answer.status == 404,
    },
    Rule {
        name: "a Content-Type that is not JSON is 415",
        applies: Endpoint::takes_json,
        request: |endpoint| endpoint.request().header("content-type", "text/plain"),
        holds: |_, answer| answer.status == 415 && answer.code().is_some(),
    },
    Rule {
        name: "a patch of another kind is 415, and the kinds are told",
        applies: |endpoint| endpoint.method == Method::PATCH,
        request: |endpoint| {
            let kind = "application/json-patch+json";
            endpoint.request().header("content-type", kind)
        },
        holds: |endpoint, answer| {
            let kinds = answer.header("accept-patch").split(", ");
            let documented = API.body_types(&endpoint.method, &endpoint.path);
            answer.is(415, "unsupported_media_type")
                && kinds.clone().count() == documented.len()
                && kinds.clone().all(|kind| documented.contains(&kind))
        },
    },
    Rule {
        name: "a Content-Encoding is 415, and that there is none to be is told",
        applies: Endpoint::takes_json,
        request: |endpoint| endpoint.json("").header("content-encoding", "gzip"),
        holds: |_, answer| answer.status == 415 && answer.header("accept-encoding") == "identity",
    },
    Rule {
        name: "a member that is there twice is 400, and named",
        applies: Endpoint::takes_json,
        request: |endpoint| endpoint.json(r#"{"twice": 1, "twice": 2}"#),
        holds: |_, answer| answer.is(400, "invalid_field") && answer.body.contains("twice"),
    },
    Rule {
        name: "two Authorization headers are 400",
        applies: |endpoint| !endpoint.is_open(),
        request: |endpoint| endpoint.request().header("authorization", "Bearer another"),
        holds: |_, answer| answer.status == 400 && answer.code().is_some(),
    },
    Rule {
        name: "with a doubled slash it is no route",
        applies: |_| true,
        request: |endpoint| endpoint.request().path(format!("/{}", endpoint.path)),
        holds: |_, answer| answer.status == 404,
    },
];

fn preflight(endpoint: &Endpoint, origin: &str) -> Asked {
    let asked = endpoint.anonymous().method(Method::OPTIONS);
    asked
        .header("origin", origin)
        .header("access-control-request-method", endpoint.method.as_str())
        .header("access-control-request-headers", "authorization")
}

#[tokio::test]
async fn every_rule_holds_on_every_method_of_every_route_of_the_manifest() {
    let app = App::with(&[(
        "allowed_origins",
        "https://other.example, https://travel.example",
    )])
    .await;
    let endpoints = Endpoint::all(&app).await;
    for method in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        let takes = |endpoint: &&Endpoint| endpoint.method == method;
        assert!(endpoints.iter().filter(takes).count() > 1, "{method}");
    }
    assert!(endpoints.len() > 60, "{}", endpoints.len());
    let json = endpoints.iter().filter(|endpoint| endpoint.takes_json());
    let json = json.count();
    assert!(
        json > 20,
        "{json} routes with a JSON body in the OpenAPI document"
    );
    let mut broken = Vec::new();
    for endpoint in &endpoints {
        for rule in RULES.iter().filter(|rule| (rule.applies)(endpoint)) {
            let asked = (rule.request)(endpoint);
            let tried = format!("{} {}", asked.method, asked.path);
            let answer = asked.send(&app, endpoint).await;
            // Spin refuses a path without a route, and sends no body.
            let is_the_hosts = answer.status == 404 && answer.body.is_empty();
            let is_error = answer.status >= 400 && !answer.body.is_empty();
            let is_in_form = is_the_hosts
                || answer.headers.contains_key("x-request-id")
                    && (!is_error || answer.code().is_some());
            if !is_in_form || !(rule.holds)(endpoint, &answer) {
                let Answer { status, body, .. } = answer;
                broken.push(format!("{}: {tried}: {status} {body}", rule.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    app.stop().await;
}

#[tokio::test]
async fn a_byte_order_mark_before_json_changes_no_answer() {
    let app = App::start().await;
    let endpoints = Endpoint::all(&app).await;
    let mut tried = 0;
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.takes_json()) {
        let plain = endpoint.json("{}").send(&app, endpoint).await;
        let marked = endpoint.json("\u{feff}{}").send(&app, endpoint).await;
        let at = format!("{} {}", endpoint.method, endpoint.path);
        assert_eq!(marked.outcome(), plain.outcome(), "{at}");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
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

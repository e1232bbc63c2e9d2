//! Telemetry of requests for operators: counts at `/metrics`, and traces in their collector.

use std::collections::BTreeSet;

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{App, Collector, Span, USER, body, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

async fn metrics(app: &App) -> String {
    let answer = app.ops(Method::GET, "/metrics", None).await;
    answer.text().await.unwrap()
}

/// The value of a sample of `/metrics`.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status_with_their_durations() {
    let app = App::with(&[("request_metrics", "true")]).await;
    for id in ["A-1", "A-2"] {
        let order = json!({"orderId": id, "status": "received", "description": "x"});
        body(app.post(USER, "/orders", &order).await, 200).await;
        body(app.get(USER, &format!("/orders/{id}")).await, 200).await;
    }
    body(app.get(USER, "/orders/none").await, 404).await;
    let without_token = app.request(Method::GET, "/orders/A-1");
    body(without_token.send().await.unwrap(), 401).await;
    body(
        app.request_of(USER, Method::TRACE, "/orders/A-1")
            .send()
            .await
            .unwrap(),
        405,
    )
    .await;

    let name = "orilla_http_request_duration_seconds";
    let counts = [
        ("POST", "/orders", 200, 2.0),
        ("GET", "/orders/{orderId}", 200, 2.0),
        ("GET", "/orders/{orderId}", 404, 1.0),
        ("GET", "/orders/{orderId}", 401, 1.0),
        ("other", "/orders/{orderId}", 405, 1.0),
    ];
    // A request is counted after its answer was sent.
    let text = eventually("all requests are counted", async || {
        let text = metrics(&app).await;
        let all = counts.iter().all(|(method, route, status, count)| {
            let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let value = |suffix: &str| sample(&text, &format!("{name}{suffix}{labels}"));
            value("_count") == Some(*count)
                && sample(&text, &format!("{name}_bucket{labels},le=\"+Inf\"}}")) == Some(*count)
                && value("_sum").is_some_and(|sum| sum > 0.0 && sum < 60.0)
        });
        all.then_some(text)
    })
    .await;
    assert!(
        !text.contains("A-1"),
        "an id would make a series of its own"
    );
    app.stop().await;
}

#[tokio::test]
async fn requests_are_not_counted_where_nobody_asked_for_it() {
    let app = App::start().await;
    body(app.get(USER, "/orders/none").await, 404).await;
    assert!(!metrics(&app).await.contains("_count{method="));
    app.stop().await;
}

async fn observed(collector: &Collector, receiver: &WebhookReceiver, ratio: &str) -> App {
    App::with(&[
        ("otlp_host", &collector.url()),
        ("otlp_headers", "x-key=secret%20key"),
        ("otlp_service_name", "travel"),
        ("trace_sample_ratio", ratio),
        ("notification_urls", &receiver.url()),
        ("notification_secret", SECRET),
        ("notification_hosts", "http://127.0.0.1:*"),
        ("queue_retry_base_ms", "100"),
        ("queue_retry_cap_ms", "500"),
    ])
    .await
}

async fn put(app: &App, id: &str, traceparent: Option<&str>) {
    let mut request = app.request_of(USER, Method::PUT, &format!("/orders/{id}"));
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let order = json!({"status": "received", "description": "Tune the harp"});
    body(request.json(&order).send().await.unwrap(), 200).await;
}

/// Waits for a span with this name in a trace.
async fn span(collector: &Collector, trace: &str, name: &str) -> Span {
    eventually(&format!("the span {name} of {trace}"), async || {
        let mut spans = collector.spans().into_iter();
        spans.find(|span| span.trace == trace && span.name == name)
    })
    .await
}

#[tokio::test]
async fn a_request_its_queue_work_and_its_notifications_are_one_trace() {
    let collector = Collector::start().await;
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = observed(&collector, &receiver, "0").await;

    // The caller says that its trace is recorded, which counts at any ratio.
    put(&app, "ORD-1", Some(&format!("00-{TRACE}-{CALLER}-01"))).await;
    let request = span(&collector, TRACE, "PUT /orders/{orderId}").await;
    assert_eq!((&*request.parent, &*request.service), (CALLER, "travel"));
    for (key, value) in [
        ("http.request.method", "PUT"),
        ("http.route", "/orders/{orderId}"),
        ("http.response.status_code", "200"),
        ("url.path", "/orders/ORD-1"),
    ] {
        assert_eq!(request.attribute(key).as_deref(), Some(value), "{key}");
    }
    let work = span(&collector, TRACE, "process orders.received").await;
    assert_eq!(work.parent, request.id);
    // The event goes to its receivers as messages of their own.
    let notification = eventually("two notifications are spans", async || {
        let spans = collector.spans().into_iter();
        let named = spans.filter(|span| span.name == "process orders.notifications");
        let named: Vec<_> = named.collect();
        let event = named.iter().find(|span| span.parent == work.id)?.id.clone();
        named.into_iter().find(|span| span.parent == event)
    })
    .await;
    let told = eventually("the receiver is told", async || receiver.received().pop()).await;
    let sent = format!("00-{TRACE}-{}-01", work.id);
    assert_eq!(told.body["traceparent"], sent);
    assert!(work.times().0 <= notification.times().1 && request.times().0 <= work.times().1);
    assert!(![request, work, notification].iter().any(|span| span.failed));

    // Of others there is nothing.
    put(
        &app,
        "ORD-2",
        Some(&format!("00-{}-{CALLER}-00", "a".repeat(32))),
    )
    .await;
    put(&app, "ORD-3", None).await;
    put(
        &app,
        "ORD-4",
        Some(&format!("00-{}-{CALLER}-01", "b".repeat(32))),
    )
    .await;
    span(&collector, &"b".repeat(32), "process orders.notifications").await;
    let traces: BTreeSet<_> = collector
        .spans()
        .into_iter()
        .map(|span| span.trace)
        .collect();
    assert_eq!(traces, [TRACE.to_owned(), "b".repeat(32)].into());
    app.stop().await;
}

#[tokio::test]
async fn spans_wait_for_a_collector_that_is_away_and_come_once() {
    let collector = Collector::start().await;
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = observed(&collector, &receiver, "1").await;
    collector.answer(StatusCode::SERVICE_UNAVAILABLE);
    for n in 0..5 {
        put(&app, &format!("ORD-{n}"), None).await;
    }
    eventually("the collector is asked more than once", async || {
        (collector.requests() > 2).then_some(())
    })
    .await;
    assert_eq!(collector.spans().len(), 0);
    collector.answer(StatusCode::OK);
    put(&app, "LAST", None).await;
    let spans = eventually("all spans arrive", async || {
        let spans = collector.spans();
        let named = |name: &str| spans.iter().filter(|span| span.name == name).count();
        let all = named("PUT /orders/{orderId}") == 6 && named("process orders.notifications") >= 6;
        all.then_some(spans)
    })
    .await;
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "a span came twice");
    let begun = spans.iter().filter(|span| span.name.starts_with("PUT"));
    for span in begun {
        assert_eq!(span.parent, "", "the trace began here");
    }
    app.stop().await;
}

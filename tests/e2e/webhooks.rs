//! Webhooks that operators make: their events, their secrets, and their permitted URLs.

use std::collections::HashSet;

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{App, USER, body, eventually, refusal};

const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const QUEUE: &str = "orders.notifications";

/// An application whose webhooks may be at receivers of a test.
pub(crate) async fn app(variables: &[(&str, &str)]) -> App {
    let mut all = vec![
        ("notification_hosts", "http://127.0.0.1:*"),
        ("notification_retry_schedule", "100ms 100ms 100ms"),
    ];
    all.extend(variables);
    App::with(&all).await
}

pub(crate) async fn post(app: &App, path: &str, content: &Value) -> reqwest::Response {
    app.ops(Method::POST, path, Some(content)).await
}

/// Makes a webhook at a receiver, and returns its path.
pub(crate) async fn make(app: &App, receiver: &WebhookReceiver, types: &[&str]) -> String {
    let wanted = json!({"url": receiver.url(), "secret": SECRET, "eventTypes": types});
    let made = body(post(app, "/webhooks", &wanted).await, 201).await;
    format!("/webhooks/{}", made["id"].as_str().unwrap())
}

pub(crate) async fn put_order(app: &App, id: &str, status: &str) {
    app.put_order(id, status, "Tune the harp").await;
}

/// Waits until a receiver has taken `count` events, and returns them sorted by type.
pub(crate) async fn told(receiver: &WebhookReceiver, count: usize) -> Vec<Value> {
    let mut events = tests::told(receiver, count).await;
    events.sort_by_key(|event| event["type"].as_str().unwrap().to_owned());
    events
}

fn types(events: &[Value]) -> Vec<&str> {
    let types = events.iter().map(|event| event["type"].as_str().unwrap());
    types.collect()
}

/// Waits until nothing is on the queue of events.
pub(crate) async fn quiet(app: &App) -> Value {
    eventually("nothing is left to send", || async {
        let queue = app.queue(QUEUE).await;
        let left = ["depth", "inFlight", "delayed", "held"].map(|name| queue[name].as_u64());
        (left == [Some(0); 4]).then_some(queue)
    })
    .await
}

#[tokio::test]
async fn a_webhook_gets_the_events_that_it_wants_and_no_others() {
    let all = WebhookReceiver::start(SECRET).await.unwrap();
    let ends = WebhookReceiver::start(SECRET).await.unwrap();
    let family = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    // No webhook wants these, so they never become messages.
    put_order(&app, "A", "received").await;
    app.order_is("A", "processed").await;
    assert_eq!(app.queue(QUEUE).await["processed"], 0);

    make(&app, &all, &[]).await;
    make(
        &app,
        &ends,
        &["orilla.order.completed", "orilla.order.canceled"],
    )
    .await;
    make(&app, &family, &["orilla.order.*"]).await;
    for status in ["inprocess", "completed"] {
        put_order(&app, "A", status).await;
    }
    let events = told(&all, 2).await;
    assert_eq!(
        types(&events),
        ["orilla.order.completed", "orilla.order.inprocess"]
    );
    assert_eq!(events[0]["subject"], "A");
    assert_eq!(events[0]["data"]["version"], 3);
    assert_eq!(told(&family, 2).await, events);
    assert_eq!(told(&ends, 1).await, events[..1]);
    quiet(&app).await;
    for receiver in [&all, &ends, &family] {
        assert_eq!(receiver.refused(), []);
    }
    assert_eq!(ends.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_secret_is_shown_once_and_changed_without_an_event_lost() {
    let app = app(&[]).await;
    // A receiver that learns its secret from the answer.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let made = post(
        &app,
        "/webhooks",
        &json!({"url": format!("http://{address}/hook")}),
    )
    .await;
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    let made = body(made, 201).await;
    let secret = made["secret"].as_str().unwrap();
    let receiver = WebhookReceiver::listen(address, secret).await.unwrap();
    put_order(&app, "A", "received").await;
    told(&receiver, 1).await;

    let path = format!("{location}/secret/rotate");
    let rotated = body(
        post(&app, &path, &json!({"secret": OTHER_SECRET})).await,
        200,
    )
    .await;
    assert_eq!(rotated["secret"], OTHER_SECRET);
    put_order(&app, "A", "inprocess").await;
    told(&receiver, 2).await;
    receiver.shutdown().await;
    let receiver = WebhookReceiver::listen(address, OTHER_SECRET)
        .await
        .unwrap();
    put_order(&app, "A", "completed").await;
    told(&receiver, 1).await;
    assert_eq!(receiver.refused(), []);

    // Nowhere else is a secret shown or logged.
    let mut shown = app.ops_get("/webhooks").await.to_string();
    shown += &app.ops_get(&location).await.to_string();
    for entry in std::fs::read_dir(app.stack.log_dir()).unwrap() {
        shown += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    assert!(shown.contains("a webhook was made"));
    assert!(!shown.contains("whsec_"), "{shown}");
    for secret in [secret, OTHER_SECRET] {
        assert!(!shown.contains(secret.trim_start_matches("whsec_")));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_that_is_off_or_deleted_gets_nothing() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[("notification_retry_schedule", "1h")]).await;
    let path = make(&app, &receiver, &[]).await;
    let off = json!({"enabled": false});
    let patched = body(app.ops(Method::PATCH, &path, Some(&off)).await, 200).await;
    assert_eq!(patched["enabled"], false);
    put_order(&app, "A", "received").await;
    app.order_is("A", "processed").await;
    quiet(&app).await;
    assert_eq!(receiver.deliveries(), 0);

    let on = json!({"enabled": true, "eventTypes": ["orilla.order.completed"]});
    body(app.ops(Method::PATCH, &path, Some(&on)).await, 200).await;
    put_order(&app, "A", "inprocess").await;
    put_order(&app, "A", "completed").await;
    assert_eq!(types(&told(&receiver, 1).await), ["orilla.order.completed"]);

    // Events that wait when it is deleted are dropped.
    receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    put_order(&app, "B", "completed").await;
    eventually("it waits", || async {
        (app.waits_on(QUEUE).len() == 1).then_some(())
    })
    .await;
    let deleted = app.ops(Method::DELETE, &path, None).await;
    assert_eq!(deleted.status(), 204);
    receiver.answer_with(StatusCode::OK);
    app.time_passes_on(QUEUE).await;
    quiet(&app).await;
    assert_eq!(receiver.received().len(), 1);
    for method in [Method::GET, Method::DELETE] {
        let gone = app.ops(method, &path, None).await;
        assert_eq!(refusal(gone, 404).await, "unknown_webhook");
    }
    assert_eq!(app.ops_get("/webhooks").await["webhooks"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn a_test_is_sent_once_whatever_the_webhook_wants() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    let path = make(&app, &receiver, &["orilla.order.completed"]).await;
    let off = json!({"enabled": false});
    body(app.ops(Method::PATCH, &path, Some(&off)).await, 200).await;
    let test = format!("{path}/test");
    let sent = body(app.ops(Method::POST, &test, None).await, 202).await;
    let events = told(&receiver, 1).await;
    assert_eq!(events[0]["type"], "orilla.webhook.test");
    assert_eq!(events[0]["id"], sent["event"]);
    assert_eq!(events[0]["source"], "/webhooks");

    receiver.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    body(app.ops(Method::POST, &test, None).await, 202).await;
    eventually("it comes", || async {
        (receiver.deliveries() == 2).then_some(())
    })
    .await;
    let queue = quiet(&app).await;
    assert_eq!((&queue["dead"], receiver.deliveries()), (&json!(0), 2));
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_is_only_where_the_operator_lets_it_be() {
    let hosts = "http://*:*";
    let app = app(&[("notification_hosts", hosts)]).await;
    for url in [
        "http://127.0.0.1:6379/",
        "http://2130706433:6379/",
        "http://0177.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://localhost:9000/",
        "http://jwks-reader.spin.internal/",
        "https://shop.example/",
        "http://user:hunter2@shop.example/",
        "ftp://shop.example/",
        "shop.example",
    ] {
        let refused = post(&app, "/webhooks", &json!({"url": url})).await;
        let refused = body(refused, 400).await;
        assert_eq!(refused["code"], "invalid_field", "{url}");
        let error = refused["error"].as_str().unwrap();
        assert!(error.starts_with("url: "), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for (wrong, field) in [
        (
            json!({"url": "http://shop.example/", "eventTypes": ["orilla.ordr.*"]}),
            "eventTypes[0]",
        ),
        (
            json!({"url": "http://shop.example/", "eventTypes": ["a b"]}),
            "eventTypes[0]",
        ),
        (
            json!({"url": "http://shop.example/", "secret": "whsec_x"}),
            "secret",
        ),
        (json!({"description": "no URL"}), "url"),
    ] {
        let refused = body(post(&app, "/webhooks", &wrong).await, 400).await;
        let error = refused["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("{field}: ")), "{error}");
    }
    assert_eq!(app.ops_get("/webhooks").await["webhooks"], json!([]));

    let made = body(
        post(&app, "/webhooks", &json!({"url": "http://shop.example"})).await,
        201,
    )
    .await;
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let moved = json!({"url": "http://127.0.0.1/"});
    let moved = app.ops(Method::PATCH, &path, Some(&moved)).await;
    assert_eq!(refusal(moved, 400).await, "invalid_field");
    assert_eq!(app.ops_get(&path).await["url"], "http://shop.example/");
    app.stop().await;
}

#[tokio::test]
async fn webhooks_of_the_configuration_are_shown_and_stay_as_they_are() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let url = receiver.url() + "hook?key=hunter2";
    let variables = [
        ("notification_urls", &*url),
        ("notification_secret", SECRET),
    ];
    let app = app(&variables).await;
    let listed = app.ops_get("/webhooks").await;
    assert!(!listed.to_string().contains("hunter2"), "{listed}");
    let webhook = &listed["webhooks"][0];
    assert_eq!(webhook["readOnly"], true);
    assert_eq!(webhook["url"], receiver.url() + "hook");
    let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
    assert_eq!(app.ops_get(&path).await, *webhook);

    let content = json!({});
    for (method, path) in [
        (Method::PATCH, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/secret/rotate")),
    ] {
        let content = (method != Method::DELETE).then_some(&content);
        let refused = app.ops(method, &path, content).await;
        assert_eq!(refusal(refused, 409).await, "webhook_read_only");
    }
    body(
        app.ops(Method::POST, &format!("{path}/test"), None).await,
        202,
    )
    .await;
    told(&receiver, 1).await;

    // Beside a webhook that an operator made, each gets an event once.
    let made = WebhookReceiver::start(SECRET).await.unwrap();
    make(&app, &made, &[]).await;
    put_order(&app, "A", "received").await;
    told(&made, 1).await;
    told(&receiver, 2).await;
    app.stop().await;
}

#[tokio::test]
async fn there_are_a_hundred_webhooks_and_they_come_in_pages() {
    let app = app(&[("notification_hosts", "https://*.example")]).await;
    let make = |n: usize| {
        let wanted = json!({"url": format!("https://a{n}.example/"), "enabled": n != 7});
        let app = &app;
        async move { post(app, "/webhooks", &wanted).await }
    };
    for n in 0..99 {
        body(make(n).await, 201).await;
    }
    // Two at once, for one place.
    let both = futures::join!(make(99), make(100));
    let mut statuses = [both.0.status().as_u16(), both.1.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(refusal(make(101).await, 409).await, "too_many_webhooks");

    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.ops_get(&format!("/webhooks?limit=30{cursor}")).await;
        let webhooks = page["webhooks"].as_array().unwrap();
        assert!(webhooks.len() <= 30);
        listed.extend(webhooks.clone());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed.len(), 100);
    // Ids begin with the millisecond of their making.
    let ids = listed.iter().map(|one| one["id"].as_str().unwrap());
    assert!(ids.is_sorted(), "the oldest first: {listed:?}");
    let urls: HashSet<_> = listed
        .iter()
        .map(|one| one["url"].as_str().unwrap().to_owned())
        .collect();
    assert!((0..99).all(|n| urls.contains(&format!("https://a{n}.example/"))));
    assert_eq!(urls.len(), 100);
    for query in ["limit=0", "limit=101", "cursor=a b", "page=2"] {
        let refused = app
            .ops(Method::GET, &format!("/webhooks?{query}"), None)
            .await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }

    let user = app.token(USER);
    for method in [Method::GET, Method::POST] {
        let request = app.request(method, "/webhooks").bearer_auth(&user);
        let refused = request.json(&json!({})).send().await.unwrap();
        assert_eq!(refusal(refused, 403).await, "missing_role");
    }
    app.stop().await;
}

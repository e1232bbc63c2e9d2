//! An order's versions are processed one after the other. One that fails for
//! good holds back the later ones, of its order alone, until an operator decides.

use std::time::Duration;

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{App, Manifest, Service, USER, body, eventually, told};

/// The application with a service that handles orders.
async fn handled_by(service: &Service, variables: &[(&str, &str)]) -> App {
    let url = service.url();
    let mut all = vec![("handler_url", &*url), ("queue_attempts", "3")];
    all.extend(variables);
    App::of(Manifest::shipped().with_http_handler(), &all).await
}

async fn put(app: &App, id: &str, status: &str) {
    app.put_order(id, status, "x").await;
}

async fn processing(app: &App, id: &str) -> Value {
    app.order(id).await["processing"].clone()
}

/// Waits until an order's latest version has a state, and returns its processing.
async fn becomes(app: &App, id: &str, state: &str) -> Value {
    app.order_is(id, state).await["processing"].clone()
}

/// The result of processing each version of an order.
async fn came_of(app: &App, id: &str) -> Vec<Value> {
    let versions = app.order_history(id).await;
    versions
        .iter()
        .map(|version| version["processing"]["result"].clone())
        .collect()
}

/// The versions of an order that the service was asked to handle, in that order.
fn asked(service: &Service, id: &str) -> Vec<u64> {
    let visits = service.visits().into_iter();
    visits
        .filter_map(|visit| {
            let (order, version) = visit.piece.split_once('/').unwrap();
            (order == id).then(|| version.parse().unwrap())
        })
        .collect()
}

/// Sends back the dead letter that holds an order.
async fn send_back(app: &App, letter: &Value) {
    let ids = json!({"ids": [letter["id"]]});
    let queue = letter["queue"].as_str().unwrap();
    assert_eq!(app.redrive(queue, &ids).await, 1);
}

/// Discards the letter.
async fn throw_away(app: &App, letter: &Value) {
    let [queue, id] = ["queue", "id"].map(|name| letter[name].as_str().unwrap());
    let path = format!("/ops/queues/{queue}/dead/{id}");
    let discarded = app.ops(Method::DELETE, &path, None).await;
    assert_eq!(discarded.status(), 204, "{path}");
}

#[tokio::test]
async fn what_waits_behind_a_dead_letter_is_processed_in_order_when_that_is_sent_back() {
    let service = Service::start(Duration::ZERO).await;
    let app = handled_by(&service, &[]).await;
    service.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["A/1"]);
    put(&app, "A", "received").await;
    let failed = becomes(&app, "A", "failed").await;
    assert_eq!(failed["attempts"], 1, "the service wants no other try");
    let letter = &failed["deadLetter"];
    assert_eq!(
        (&letter["queue"], &letter["version"], &letter["attempts"]),
        (&json!("orders.received"), &json!(1), &json!(1))
    );
    let error = letter["error"].as_str().unwrap();
    assert!(error.contains("422 Unprocessable Entity"), "{error}");

    for status in ["inprocess", "completed"] {
        put(&app, "A", status).await;
        put(&app, "B", status).await;
    }
    let of_b = becomes(&app, "B", "processed").await;
    assert_eq!(of_b["result"], Service::result("B/2"));
    let held = processing(&app, "A").await;
    assert_eq!(held["state"], "held");
    assert_eq!(&held["deadLetter"], letter);
    assert!(held.get("attempts").is_none(), "{held}");
    assert_eq!(asked(&service, "A"), [1]);
    assert_eq!(came_of(&app, "A").await, [const { Value::Null }; 3]);

    // The letter was sent back too early: it is dead again, and no version has overtaken it.
    send_back(&app, letter).await;
    let again = eventually("it fails again", || async {
        let now = processing(&app, "A").await;
        let is_new = now["deadLetter"]["id"] != letter["id"];
        (now["state"] == "held" && is_new).then_some(now)
    })
    .await;
    assert_eq!(asked(&service, "A"), [1, 1]);

    service.poison([]);
    send_back(&app, &again["deadLetter"]).await;
    let done = becomes(&app, "A", "processed").await;
    assert!(done.get("deadLetter").is_none(), "{done}");
    assert_eq!(asked(&service, "A"), [1, 1, 1, 2, 3]);
    assert_eq!(
        came_of(&app, "A").await,
        ["A/1", "A/2", "A/3"].map(Service::result)
    );
    app.stop().await;
}

#[tokio::test]
async fn what_waits_behind_a_dead_letter_goes_on_without_it_when_that_is_thrown_away() {
    let service = Service::start(Duration::ZERO).await;
    let app = handled_by(&service, &[]).await;
    service.poison(["A/2", "A/4"]);
    for status in ["received", "inprocess", "completed"] {
        put(&app, "A", status).await;
    }
    let held = becomes(&app, "A", "held").await;
    let letter = &held["deadLetter"];
    assert_eq!(
        (&letter["queue"], &letter["version"], &letter["attempts"]),
        (&json!("orders.inprocess"), &json!(2), &json!(3))
    );
    // Only operators see the service's fault.
    assert_eq!(letter["error"], "it could not be handled");
    let dead = app.ops_get("/ops/queues/orders.inprocess/dead").await;
    let error = dead["dead"][0]["error"].as_str().unwrap();
    assert!(error.contains("500"), "{error}");
    let attempts: Vec<_> = service.visits().iter().map(|visit| visit.attempt).collect();
    assert_eq!(attempts, [1, 1, 2, 3], "of the first, and of the second");

    throw_away(&app, letter).await;
    becomes(&app, "A", "processed").await;
    assert_eq!(asked(&service, "A"), [1, 2, 2, 2, 3]);
    assert_eq!(
        came_of(&app, "A").await,
        [Service::result("A/1"), Value::Null, Service::result("A/3")]
    );

    // The last version, with none waiting behind it.
    let last = json!({"status": "completed", "description": "another"});
    let request = app.request(Method::PUT, "/orders/A");
    let request = request.bearer_auth(app.token(USER)).json(&last);
    body(request.send().await.unwrap(), 200).await;
    let failed = becomes(&app, "A", "failed").await;
    throw_away(&app, &failed["deadLetter"]).await;
    assert_eq!(
        processing(&app, "A").await,
        json!({"state": "discarded", "attempts": 3})
    );
    put(&app, "A", "completed").await;
    let next = becomes(&app, "A", "processed").await;
    assert_eq!(next["result"], Service::result("A/5"));
    app.stop().await;
}

#[tokio::test]
async fn a_notification_over_http_wakes_the_worker_whose_turn_it_is() {
    let service = Service::start(Duration::ZERO).await;
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let url = receiver.url();
    let app = App::of(
        Manifest::shipped()
            .with_http_handler()
            .without_redis_triggers(),
        &[
            ("bell", "http"),
            ("drain_token", "a token for notifications alone"),
            ("handler_url", &service.url()),
            ("notification_urls", &url),
            ("notification_secret", SECRET),
            ("notification_hosts", "http://127.0.0.1:*"),
        ],
    )
    .await;
    service.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["A/1", "B/1"]);
    for id in ["A", "B"] {
        for status in ["received", "inprocess", "completed"] {
            put(&app, id, status).await;
        }
    }
    let a = becomes(&app, "A", "held").await;
    let b = becomes(&app, "B", "held").await;
    service.poison([]);
    throw_away(&app, &a["deadLetter"]).await;
    send_back(&app, &b["deadLetter"]).await;
    becomes(&app, "A", "processed").await;
    becomes(&app, "B", "processed").await;
    assert_eq!(asked(&service, "A"), [1, 2, 3]);
    assert_eq!(asked(&service, "B"), [1, 1, 2, 3]);
    told(&receiver, 2 + 3).await;
    app.stop().await;
}

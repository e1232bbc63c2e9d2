//! Notifications: the receivers of changes of orders, and the handling of failed
//! deliveries.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{App, RequestBuilder, USER, body, eventually};

const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const DEAD: &str = "/ops/queues/orders.notifications/dead";

/// A schedule of retries that goes on longer than any test.
const OFTEN: &str = "\
    100ms 100ms 100ms 100ms 100ms 200ms 200ms 200ms 200ms 200ms 500ms 500ms 500ms 500ms 500ms \
    1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s \
    1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s";

const QUEUE: &str = "orders.notifications";

/// The application with these receivers. Retries are practically unlimited.
async fn telling(receivers: &[&WebhookReceiver], variables: &[(&str, &str)]) -> App {
    let urls: Vec<_> = receivers.iter().map(|receiver| receiver.url()).collect();
    let urls = urls.join(", ");
    let mut all = vec![
        ("notification_urls", &*urls),
        ("notification_secret", SECRET),
        ("notification_hosts", "http://127.0.0.1:*"),
        ("notification_retry_schedule", OFTEN),
    ];
    all.extend(variables);
    App::with(&all).await
}

fn request(app: &App, id: &str, status: &str, description: &str) -> RequestBuilder {
    app.request_of(USER, Method::PUT, &format!("/orders/{id}"))
        .json(&json!({"status": status, "description": description}))
}

async fn put(app: &App, id: &str, status: &str, description: &str) {
    app.put_order(id, status, description).await;
}

async fn processed(app: &App, id: &str) {
    app.order_is(id, "processed").await;
}

/// Waits until a receiver has taken `count` events, and returns them.
async fn told(receiver: &WebhookReceiver, count: usize) -> Vec<Value> {
    let mut events = tests::told(receiver, count).await;
    // The events may come out of order: a receiver sorts them like this.
    events.sort_by_key(|event| {
        let attribute = |name: &str| event[name].as_str().unwrap().to_owned();
        (attribute("subject"), attribute("sequence"))
    });
    events
}

/// The changes that events report.
fn changes(events: &[Value]) -> BTreeSet<(&str, u64)> {
    let change = |event: &Value| event["data"]["version"].as_u64().unwrap();
    events
        .iter()
        .map(|event| (event["subject"].as_str().unwrap(), change(event)))
        .collect()
}

/// Waits for `count` dead letters, and returns the page of them.
async fn dead(app: &App, count: usize) -> Value {
    eventually("there are dead letters", || async {
        let page = app.ops_get(DEAD).await;
        (page["total"] == count).then_some(page)
    })
    .await
}

async fn send_back_all(app: &App) {
    app.redrive_all(QUEUE).await;
}

async fn restart_with(app: &mut App, variable: &str, value: &str) {
    let options = app.stack.app_options_mut();
    options.variables.insert(variable.into(), value.into());
    app.stack.restart_app().await.unwrap();
}

#[tokio::test]
async fn every_change_is_told_to_every_receiver_as_a_signed_cloud_event() {
    let shop = WebhookReceiver::start(SECRET).await.unwrap();
    let books = WebhookReceiver::start(SECRET).await.unwrap();
    let app = telling(&[&shop, &books], &[]).await;
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    let first = request(&app, "ORD-001", "Received", "Change the oil");
    let first = first.header("traceparent", traceparent);
    // Two fields are one list.
    let first = first.header("tracestate", "rojo=00f067aa0ba902b7");
    let first = first.header("tracestate", "congo=t61rcWkgMzE");
    body(first.send().await.unwrap(), 200).await;
    put(&app, "ORD-001", "inprocess", "Change the oil").await;
    put(&app, "ORD-001", "inprocess", "Change oil and filter").await;
    // Refused requests and those that change nothing send no notification.
    let illegal = request(&app, "ORD-001", "received", "Change the oil");
    assert_eq!(illegal.send().await.unwrap().status(), 409);
    put(&app, "ORD-001", "inprocess", "Change oil and filter").await;
    put(&app, "ORD-001", "canceled", "Change oil and filter").await;

    let events = told(&shop, 4).await;
    assert_eq!(told(&books, 4).await, events);
    assert_eq!((shop.refused(), books.refused()), (vec![], vec![]));

    let history = body(app.get(USER, "/orders/ORD-001?history=true").await, 200).await;
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), events.len());
    let expected = [
        ("received", Value::Null),
        ("inprocess", json!("received")),
        ("updated", json!("inprocess")),
        ("canceled", json!("inprocess")),
    ];
    for ((event, version), (kind, previous)) in events.iter().zip(versions).zip(expected) {
        let mut data = version.clone();
        data.as_object_mut().unwrap().remove("processing");
        data["orderId"] = json!("ORD-001");
        data["previousStatus"] = previous;
        let mut event = event.clone();
        let made = event.as_object_mut().unwrap();
        let id = made.remove("id").unwrap();
        assert!(id.as_str().unwrap().starts_with("msg_"), "{id}");
        let parent = made.remove("traceparent").unwrap();
        let of_first = parent.as_str().unwrap()[3..].starts_with(trace_id);
        assert_eq!(of_first, version["version"] == 1, "{parent}");
        let state = made.remove("tracestate");
        let expected = of_first.then(|| json!("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
        assert_eq!(state, expected);
        assert_eq!(
            event,
            json!({
                "specversion": "1.0", "source": "/orders", "subject": "ORD-001",
                "type": format!("orilla.order.{kind}"), "time": version["updatedAt"],
                "datacontenttype": "application/json",
                "sequence": format!("{:020}", version["version"].as_u64().unwrap()),
                "data": data,
            })
        );
    }
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len());
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_that_fails_holds_up_neither_orders_nor_other_receivers() {
    let good = WebhookReceiver::start(SECRET).await.unwrap();
    let bad = WebhookReceiver::start(SECRET).await.unwrap();
    let app = telling(&[&bad, &good], &[]).await;

    bad.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    for id in ["A", "B"] {
        put(&app, id, "received", "1").await;
        put(&app, id, "inprocess", "1").await;
        processed(&app, id).await;
    }
    told(&good, 4).await;
    eventually("it is tried again", || async {
        (bad.deliveries() > 2 * 4).then_some(())
    })
    .await;

    bad.hang();
    put(&app, "A", "completed", "2").await;
    put(&app, "C", "received", "2").await;
    processed(&app, "A").await;
    processed(&app, "C").await;
    let all = told(&good, 6).await;
    assert_eq!(bad.received(), []);

    bad.answer_with(StatusCode::OK);
    assert_eq!(told(&bad, 6).await, all);
    assert_eq!(
        changes(&all),
        [("A", 1), ("A", 2), ("A", 3), ("B", 1), ("B", 2), ("C", 1)].into()
    );
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_waits_for_no_other() {
    const ORDERS: usize = 80;
    let good = WebhookReceiver::start(SECRET).await.unwrap();
    let stalled = WebhookReceiver::start(SECRET).await.unwrap();
    stalled.hang();
    let app = telling(&[&stalled, &good], &[]).await;
    let puts = (0..ORDERS).map(|n| {
        let app = &app;
        async move { put(app, &format!("ORD-{n}"), "received", "1").await }
    });
    futures::future::join_all(puts).await;
    told(&good, ORDERS).await;
    // If each batch waited for it, it would have as many deliveries as the other.
    let asked = stalled.deliveries();
    assert!(asked <= ORDERS / 2, "{asked}");

    stalled.answer_with(StatusCode::OK);
    assert_eq!(told(&stalled, ORDERS).await, told(&good, ORDERS).await);
    dead(&app, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again_until_an_operator_says_so() {
    let gone = WebhookReceiver::start(SECRET).await.unwrap();
    let other = WebhookReceiver::start(SECRET).await.unwrap();
    let app = telling(&[&gone, &other], &[]).await;
    gone.answer_with(StatusCode::GONE);
    put(&app, "A", "received", "1").await;
    let page = dead(&app, 1).await;
    let letter = &page["dead"][0];
    assert_eq!(letter["attempts"], 1);
    assert!(
        letter["error"].as_str().unwrap().contains("410 Gone"),
        "{letter}"
    );
    assert_eq!(letter["message"]["type"], "order.notification");
    assert_eq!(letter["message"]["url"], gone.url());

    // The order continues, though its notification is a dead letter.
    gone.answer_with(StatusCode::OK);
    put(&app, "A", "canceled", "1").await;
    let events = told(&gone, 1).await;
    assert_eq!(changes(&events), [("A", 2)].into());
    assert_eq!(told(&other, 2).await[1], events[0]);

    send_back_all(&app).await;
    assert_eq!(told(&gone, 2).await, told(&other, 2).await);
    dead(&app, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn with_another_secret_a_receiver_refuses_what_it_gets_until_that_is_mended() {
    let receiver = WebhookReceiver::start(OTHER_SECRET).await.unwrap();
    let url = receiver.url() + "hook?key=hunter2";
    let variables = [
        ("notification_urls", &*url),
        ("notification_retry_schedule", "50ms"),
    ];
    let mut app = telling(&[], &variables).await;
    put(&app, "A", "received", "1").await;
    processed(&app, "A").await;
    let page = dead(&app, 1).await;
    let letter = &page["dead"][0];
    assert_eq!(letter["attempts"], 2);
    assert!(
        letter["error"].as_str().unwrap().contains("401"),
        "{letter}"
    );
    assert!(!page.to_string().contains("hunter2"), "{page}");
    let refused = receiver.refused();
    assert_eq!(refused.len(), 2);
    assert!(refused[0].reason.contains("signature"), "{refused:?}");

    restart_with(&mut app, "notification_secret", OTHER_SECRET).await;
    send_back_all(&app).await;
    assert_eq!(changes(&told(&receiver, 1).await), [("A", 1)].into());
    app.stop().await;
}

#[tokio::test]
async fn without_a_secret_orders_are_processed_and_notifications_wait_for_it() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let variables = [
        ("notification_secret", ""),
        ("notification_retry_schedule", ""),
    ];
    let mut app = telling(&[&receiver], &variables).await;
    put(&app, "A", "received", "1").await;
    put(&app, "A", "canceled", "1").await;
    processed(&app, "A").await;
    let log = app.stack.log_dir().join("notifier_stdout.txt");
    eventually("the log says what is missing", || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("the variable notification_secret is not set")
            .then_some(())
    })
    .await;
    assert_eq!(receiver.deliveries(), 0);

    restart_with(&mut app, "notification_secret", SECRET).await;
    // Timers that ran out while the application was down woke no worker.
    app.drain("orders.notifications").await;
    let events = told(&receiver, 2).await;
    assert_eq!(changes(&events), [("A", 1), ("A", 2)].into());
    dead(&app, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_secret_is_changed_without_a_notification_lost() {
    let early = WebhookReceiver::start(OTHER_SECRET).await.unwrap();
    let late = WebhookReceiver::start(SECRET).await.unwrap();
    let both = format!("{OTHER_SECRET} {SECRET}");
    let mut app = telling(&[&early, &late], &[("notification_secret", &both)]).await;
    put(&app, "A", "received", "1").await;
    assert_eq!(told(&early, 1).await, told(&late, 1).await);
    assert_eq!((early.refused(), late.refused()), (vec![], vec![]));

    restart_with(&mut app, "notification_secret", OTHER_SECRET).await;
    put(&app, "A", "inprocess", "1").await;
    told(&early, 2).await;
    eventually("the old secret is of no use any more", || async {
        (!late.refused().is_empty()).then_some(())
    })
    .await;
    assert_eq!(late.received().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_taken_out_gets_nothing_any_more() {
    let stays = WebhookReceiver::start(SECRET).await.unwrap();
    let leaves = WebhookReceiver::start(SECRET).await.unwrap();
    let mut app = telling(&[&stays, &leaves], &[]).await;
    leaves.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    put(&app, "A", "received", "1").await;
    told(&stays, 1).await;
    eventually("the other one fails", || async {
        (leaves.deliveries() > 0).then_some(())
    })
    .await;

    restart_with(&mut app, "notification_urls", &stays.url()).await;
    leaves.answer_with(StatusCode::OK);
    put(&app, "A", "canceled", "1").await;
    told(&stays, 2).await;
    let log = app.stack.log_dir().join("notifier_stdout.txt");
    eventually("what was on its way is dropped", || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("a message was dropped").then_some(())
    })
    .await;
    assert_eq!(leaves.received(), []);
    app.stop().await;
}

#[tokio::test]
async fn a_host_that_may_not_be_called_is_told_with_what_to_change() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let variables = [
        ("notification_hosts", "http://self.alt"),
        ("notification_retry_schedule", ""),
    ];
    let mut app = telling(&[&receiver], &variables).await;
    put(&app, "A", "received", "1").await;
    processed(&app, "A").await;
    let page = dead(&app, 1).await;
    let url = receiver.url();
    let host = url.trim_end_matches('/');
    let error = page["dead"][0]["error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!("calls to {host} are not allowed")),
        "{error}"
    );
    assert_eq!(receiver.deliveries(), 0);

    restart_with(&mut app, "notification_hosts", host).await;
    send_back_all(&app).await;
    assert_eq!(changes(&told(&receiver, 1).await), [("A", 1)].into());
    app.stop().await;
}

/// Waits until one notification waits to be sent again, and returns for how long.
async fn wait_of(app: &App, receiver: &WebhookReceiver, deliveries: usize) -> Duration {
    eventually("it waits", || async {
        let waits = app.waits_on(QUEUE);
        let is_there = receiver.deliveries() == deliveries && waits.len() == 1;
        is_there.then(|| waits[0])
    })
    .await
}

#[tokio::test]
async fn a_receiver_that_is_away_for_a_day_misses_nothing_and_needs_no_operator() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let shipped = "5s 5m 30m 2h 5h 10h 10h";
    let app = telling(&[&receiver], &[("notification_retry_schedule", shipped)]).await;
    receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    put(&app, "A", "received", "1").await;
    let mut away = Duration::ZERO;
    for (attempt, seconds) in [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]
        .into_iter()
        .enumerate()
    {
        let wait = wait_of(&app, &receiver, attempt + 1).await;
        // A busy machine may look late.
        let min = Duration::from_secs(seconds).saturating_sub(Duration::from_secs(60));
        let max = Duration::from_secs(seconds * 11 / 10 + 1);
        assert!((min..=max).contains(&wait), "{attempt}: {wait:?}");
        away += Duration::from_secs(seconds);
        if attempt == 6 {
            assert!(away > Duration::from_secs(24 * 3_600));
            receiver.answer_with(StatusCode::OK);
        }
        app.time_passes_on(QUEUE).await;
    }
    assert_eq!(changes(&told(&receiver, 1).await), [("A", 1)].into());
    assert_eq!(receiver.deliveries(), 8);
    dead(&app, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_that_says_when_to_come_again_is_left_alone_until_then() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = telling(&[&receiver], &[]).await;
    receiver.ask_to_wait("7200".parse().unwrap());
    put(&app, "A", "received", "1").await;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let wait = wait_of(&app, &receiver, 1).await;
    assert!(wait > hours(1) && wait <= hours(2), "{wait:?}");

    let later = time::OffsetDateTime::from(SystemTime::now() + hours(5));
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    receiver.ask_to_wait(later.format(format).unwrap().parse().unwrap());
    app.time_passes_on(QUEUE).await;
    let wait = wait_of(&app, &receiver, 2).await;
    assert!(wait > hours(4) && wait <= hours(5), "{wait:?}");

    receiver.answer_with(StatusCode::OK);
    app.time_passes_on(QUEUE).await;
    told(&receiver, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_schedule_that_is_none_is_told_and_loses_nothing() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let variables = [("notification_retry_schedule", "5s 5 minutes")];
    let mut app = telling(&[&receiver], &variables).await;
    put(&app, "A", "received", "1").await;
    processed(&app, "A").await;
    let log = app.stack.log_dir().join("notifier_stdout.txt");
    eventually("the log says what is wrong", || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("the variable notification_retry_schedule (delay 2) must be")
            .then_some(())
    })
    .await;
    restart_with(&mut app, "notification_retry_schedule", OFTEN).await;
    app.drain(QUEUE).await;
    told(&receiver, 1).await;
    app.stop().await;
}

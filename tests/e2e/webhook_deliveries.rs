//! The log of deliveries for operators, and events that are sent again.

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stores::Redis;
use tests::{App, body, eventually, refusal};

use crate::webhooks::{app, make, post, put_order, quiet, told};

const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const QUEUE: &str = "orders.notifications";
const ALWAYS: &str = "1970-01-01T00:00:00Z";

/// Waits for `count` attempts in the log of a webhook, and returns them, the latest first.
async fn attempts(app: &App, path: &str, count: usize) -> Vec<Value> {
    eventually("the log has the attempts", || async {
        let page = app.ops_get(&format!("{path}/deliveries?limit=100")).await;
        let deliveries = page["deliveries"].as_array().unwrap().clone();
        (deliveries.len() >= count).then_some(deliveries)
    })
    .await
}

async fn resend(app: &App, path: &str, content: &Value) -> Response {
    post(app, &format!("{path}/resend"), content).await
}

/// Waits until `count` events wait to be sent again.
async fn waiting(app: &App, count: usize) {
    eventually("they wait", || async {
        (app.waits_on(QUEUE).len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_log_says_what_a_receiver_answered_and_when() {
    let receiver = WebhookReceiver::start(OTHER_SECRET).await.unwrap();
    let app = app(&[("notification_retry_schedule", "1h 1h 1h")]).await;
    let path = make(&app, &receiver, &[]).await;
    put_order(&app, "A", "received").await;
    let failed = attempts(&app, &path, 1).await.remove(0);
    assert_eq!(
        (&failed["delivered"], &failed["status"]),
        (&json!(false), &json!(401))
    );
    assert_eq!(failed["type"], "orilla.order.received");
    let answer = failed["answer"].as_str().unwrap();
    assert!(answer.contains("signature"), "{failed}");
    let error = failed["error"].as_str().unwrap();
    assert_eq!(error, "the receiver answered 401 Unauthorized");
    let webhook = app.ops_get(&path).await;
    assert!(webhook["failingSince"].is_string(), "{webhook}");

    let rotate = format!("{path}/secret/rotate");
    body(
        post(&app, &rotate, &json!({"secret": OTHER_SECRET})).await,
        200,
    )
    .await;
    app.time_passes_on(QUEUE).await;
    let log = attempts(&app, &path, 2).await;
    assert_eq!(
        (&log[0]["delivered"], &log[0]["status"]),
        (&json!(true), &json!(204))
    );
    assert_eq!(
        (&log[0]["attempt"], &log[0]["error"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!((&log[1], &log[0]["event"]), (&failed, &failed["event"]));
    let webhook = app.ops_get(&path).await;
    assert!(webhook["lastSuccessAt"].is_string(), "{webhook}");
    assert!(webhook.get("failingSince").is_none(), "{webhook}");

    let page = app.ops_get(&format!("{path}/deliveries?limit=1")).await;
    assert_eq!(page["deliveries"], json!([log[0]]));
    let cursor = page["cursor"].as_str().unwrap();
    let page = app
        .ops_get(&format!("{path}/deliveries?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(page, json!({"deliveries": [log[1]], "cursor": null}));
    for query in ["limit=101", "cursor=x", "page=1"] {
        let refused = app
            .ops(Method::GET, &format!("{path}/deliveries?{query}"), None)
            .await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }

    // A receiver that is not there.
    receiver.shutdown().await;
    put_order(&app, "A", "inprocess").await;
    let log = attempts(&app, &path, 3).await;
    assert_eq!(
        (&log[0]["status"], &log[0]["answer"]),
        (&Value::Null, &json!(""))
    );
    assert!(
        log[0]["error"].as_str().unwrap().contains("refused"),
        "{}",
        log[0]
    );
    app.stop().await;
}

#[tokio::test]
async fn what_failed_during_an_outage_is_sent_again_at_once() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[("notification_retry_schedule", "1h 1h 1h")]).await;
    let path = make(&app, &receiver, &[]).await;
    put_order(&app, "A", "received").await;
    told(&receiver, 1).await;

    receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    for id in ["B", "C", "D"] {
        put_order(&app, id, "received").await;
    }
    waiting(&app, 3).await;
    let future = json!({"since": "2999-01-01T00:00:00Z"});
    let sent = body(resend(&app, &path, &future).await, 202).await;
    assert_eq!(sent, json!({"events": 0}));
    receiver.answer_with(StatusCode::OK);
    let sent = body(resend(&app, &path, &json!({"since": ALWAYS})).await, 202).await;
    assert_eq!(sent, json!({"events": 3}));
    told(&receiver, 4).await;
    assert_eq!(receiver.deliveries(), 1 + 3 + 3);

    // Their own attempts are not needed any more.
    eventually("it is noted that they were delivered", || async {
        let sent = body(resend(&app, &path, &json!({"since": ALWAYS})).await, 202).await;
        (sent == json!({"events": 0})).then_some(())
    })
    .await;
    app.time_passes_on(QUEUE).await;
    quiet(&app).await;
    assert_eq!(receiver.deliveries(), 1 + 3 + 3);

    // With `all`, delivered events too, but none that was sent again a moment ago.
    let all = json!({"since": ALWAYS, "all": true});
    let sent = body(resend(&app, &path, &all).await, 202).await;
    assert_eq!(sent, json!({"events": 4}));
    eventually("the first one comes again", || async {
        (receiver.deliveries() == 1 + 3 + 3 + 1).then_some(())
    })
    .await;
    quiet(&app).await;
    assert_eq!(receiver.received()[0].deliveries, 2);

    for (wrong, told) in [
        (json!({}), "since: must be a date"),
        (json!({"since": "yesterday"}), "since: must be a date"),
    ] {
        let refused = body(resend(&app, &path, &wrong).await, 400).await;
        assert!(
            refused["error"].as_str().unwrap().starts_with(told),
            "{refused}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn one_event_is_sent_again_under_its_id() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[]).await;
    let path = make(&app, &receiver, &[]).await;
    put_order(&app, "A", "received").await;
    let event = told(&receiver, 1).await.remove(0);
    let again = format!("{path}/deliveries/{}/resend", event["id"].as_str().unwrap());
    let sent = body(app.ops(Method::POST, &again, None).await, 202).await;
    assert_eq!(sent["event"], event["id"]);
    eventually("it comes again", || async {
        (receiver.deliveries() == 2).then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 1);
    // A second request within a minute sends nothing more.
    body(app.ops(Method::POST, &again, None).await, 202).await;
    quiet(&app).await;
    assert_eq!(receiver.deliveries(), 2);

    let other = format!("{path}/deliveries/msg_{}/resend", "0".repeat(32));
    let refused = app.ops(Method::POST, &other, None).await;
    assert_eq!(refusal(refused, 404).await, "unknown_event");
    let off = json!({"enabled": false});
    body(app.ops(Method::PATCH, &path, Some(&off)).await, 200).await;
    let refused = app.ops(Method::POST, &again, None).await;
    assert_eq!(refusal(refused, 409).await, "webhook_off");
    let refused = resend(&app, &path, &json!({"since": ALWAYS})).await;
    assert_eq!(refusal(refused, 409).await, "webhook_off");
    let unknown = resend(&app, "/webhooks/wh_x", &json!({"since": ALWAYS})).await;
    assert_eq!(refusal(unknown, 404).await, "unknown_webhook");
    app.stop().await;
}

/// Lets all deliveries of a webhook have failed for some days.
fn failing_for(app: &App, path: &str, days: u64, failures: u64) {
    let id = path.rsplit('/').next().unwrap();
    let since = base::now_millis() - days * 24 * 3_600_000 - 1_000;
    let fields = [
        (format!("{id}:since"), since.to_string()),
        (format!("{id}:failures"), failures.to_string()),
    ];
    for (field, value) in &fields {
        let args = [
            "{orders}:webhooks:health".into(),
            field.into(),
            value.into(),
        ];
        app.redis().call("HSET", &args).unwrap();
    }
}

#[tokio::test]
async fn a_webhook_that_fails_for_five_days_is_switched_off_and_the_others_are_told() {
    let lost = WebhookReceiver::start(SECRET).await.unwrap();
    let other = WebhookReceiver::start(SECRET).await.unwrap();
    let app = app(&[("notification_retry_schedule", "1h 1h 1h")]).await;
    let path = make(&app, &lost, &["orilla.order.*"]).await;
    make(&app, &other, &["orilla.webhook.*"]).await;
    lost.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    put_order(&app, "A", "received").await;
    waiting(&app, 1).await;
    // Four days, and few failures, are not enough.
    for (days, failures) in [(4, 100), (30, 3)] {
        failing_for(&app, &path, days, failures);
        put_order(&app, &format!("B-{days}"), "received").await;
    }
    waiting(&app, 3).await;
    assert_eq!(app.ops_get(&path).await["enabled"], true);

    failing_for(&app, &path, 5, 50);
    put_order(&app, "C", "received").await;
    let event = told(&other, 1).await.remove(0);
    assert_eq!(event["type"], "orilla.webhook.disabled");
    let webhook = app.ops_get(&path).await;
    assert_eq!(event["data"], webhook);
    assert_eq!(webhook["enabled"], false);
    let reason = webhook["disabledReason"].as_str().unwrap();
    assert!(reason.contains("five days"), "{reason}");
    let log = app.stack.log_dir().join("notifier_stdout.txt");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("a webhook was switched off"));

    // Waiting events are dropped, and sent again on demand when the receiver is back.
    waiting(&app, 4).await;
    app.time_passes_on(QUEUE).await;
    quiet(&app).await;
    lost.answer_with(StatusCode::OK);
    let on = json!({"enabled": true});
    let webhook = body(app.ops(Method::PATCH, &path, Some(&on)).await, 200).await;
    assert!(webhook.get("disabledAt").is_none(), "{webhook}");
    assert!(app.ops_get(&path).await.get("failingSince").is_none());
    let sent = body(resend(&app, &path, &json!({"since": ALWAYS})).await, 202).await;
    assert_eq!(sent, json!({"events": 4}));
    told(&lost, 4).await;
    app.stop().await;
}

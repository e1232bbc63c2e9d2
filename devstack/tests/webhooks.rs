//! The example receiver: it accepts signed CloudEvents, and nothing else.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::{
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use devstack::WebhookReceiver;
use devstack::webhooks::SECRET;
use http::{HeaderMap, StatusCode};
use outbound::webhooks::Signer;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::Command,
};

const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A notification as Orilla sends it, and the parts of it that tests change.
#[derive(Clone)]
struct Webhook {
    secret: &'static str,
    timestamp: u64,
    content_type: &'static str,
    id: &'static str,
    event: Value,
    /// The body to send in place of the signed one.
    sent: Option<Value>,
}

impl Webhook {
    fn new(id: &'static str) -> Self {
        Self {
            secret: SECRET,
            timestamp: now().as_secs(),
            content_type: "application/cloudevents+json; charset=utf-8",
            id,
            event: json!({
                "specversion": "1.0", "id": id, "source": "/orders", "subject": "ORD-001",
                "type": "orilla.order.received", "data": {"orderId": "ORD-001"}
            }),
            sent: None,
        }
    }

    fn headers(&self) -> HeaderMap {
        let signer = Signer::parse(self.secret).unwrap();
        let body = self.event.to_string();
        let mut headers = signer.headers(self.id, self.timestamp, body.as_bytes());
        let headers = headers.as_mut().unwrap();
        headers.insert("content-type", self.content_type.parse().unwrap());
        headers.clone()
    }

    async fn send(&self, url: &str) -> StatusCode {
        let body = self.sent.as_ref().unwrap_or(&self.event).to_string();
        let request = Client::new().post(url).headers(self.headers()).body(body);
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn an_event_is_taken_once_however_often_it_comes() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let first = Webhook::new("msg_1");
    for webhook in [&first, &Webhook::new("msg_2"), &first] {
        assert_eq!(webhook.send(&receiver.url()).await, StatusCode::NO_CONTENT);
    }
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].id, "msg_1");
    assert_eq!(received[0].body, first.event);
    assert_eq!(received[0].deliveries, 2);
    assert_eq!(received[1].deliveries, 1);
    assert_eq!(receiver.deliveries(), 3);
    assert_eq!(receiver.refused(), []);
}

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let good = Webhook::new("msg_1");
    let forged = Webhook {
        secret: OTHER_SECRET,
        ..good.clone()
    };
    let swapped = Webhook {
        sent: Some(Webhook::new("msg_2").event),
        ..good.clone()
    };
    let old = Webhook {
        timestamp: good.timestamp - 600,
        ..good.clone()
    };
    let early = Webhook {
        timestamp: good.timestamp + 600,
        ..good.clone()
    };
    for webhook in [forged, swapped, old, early] {
        assert_eq!(
            webhook.send(&receiver.url()).await,
            StatusCode::UNAUTHORIZED
        );
    }
    for absent in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = good.headers();
        headers.remove(absent);
        let request = Client::new().post(receiver.url()).headers(headers);
        let answer = request.body(good.event.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{absent}");
    }
    let answer = Client::new().get(receiver.url()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);

    assert_eq!(receiver.received(), []);
    let refused = receiver.refused();
    assert_eq!(refused.len(), 8);
    assert!(refused[0].reason.contains("signature"), "{refused:?}");
    assert!(refused[2].reason.contains("old"), "{refused:?}");
}

#[tokio::test]
async fn what_is_no_cloud_event_is_refused() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    let good = Webhook::new("msg_1");
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed.event[name] = value;
        changed
    };
    let other_type = Webhook {
        content_type: "application/json",
        ..good.clone()
    };
    let no_object = Webhook {
        event: json!(["msg_1"]),
        ..good.clone()
    };
    for (webhook, hint) in [
        (other_type, "application/cloudevents+json"),
        (no_object, "no id"),
        (with("id", json!("msg_2")), "webhook-id"),
        (with("source", json!("")), "source"),
        (with("specversion", json!("0.3")), "1.0"),
        (with("specversion", json!(1)), "specversion"),
        (with("type", Value::Null), "type"),
    ] {
        let status = webhook.send(&receiver.url()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{hint}");
        let reason = receiver.refused().pop().unwrap().reason;
        assert!(reason.contains(hint), "{reason}");
    }
    assert_eq!(receiver.received(), []);
    assert!(good.send(&receiver.url()).await.is_success());
}

#[tokio::test]
async fn a_failing_receiver_takes_an_event_when_it_is_well_again() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    receiver.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    receiver.answer_after(2, StatusCode::OK);
    let webhook = Webhook::new("msg_1");
    for expected in [500, 500, 200, 200] {
        assert_eq!(
            receiver.received().len(),
            usize::from(receiver.deliveries() > 2)
        );
        assert_eq!(webhook.send(&receiver.url()).await, expected);
    }
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].deliveries, 4);
}

#[tokio::test]
async fn a_receiver_that_hangs_answers_when_it_goes_on() {
    let receiver = WebhookReceiver::start(SECRET).await.unwrap();
    receiver.hang();
    let url = receiver.url();
    let sending = tokio::spawn(async move { Webhook::new("msg_1").send(&url).await });
    while receiver.deliveries() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(receiver.received(), []);
    assert!(!sending.is_finished());
    receiver.answer_with(StatusCode::ACCEPTED);
    assert_eq!(sending.await.unwrap(), StatusCode::ACCEPTED);
    assert_eq!(receiver.received_beyond(0).await.len(), 1);
}

#[tokio::test]
async fn a_secret_that_is_none_is_told() {
    let error = WebhookReceiver::start("whsec_%").await.unwrap_err();
    assert!(error.to_string().contains("secret"), "{error}");
}

async fn line(lines: &mut Lines<BufReader<impl tokio::io::AsyncRead + Unpin>>) -> String {
    lines.next_line().await.unwrap().unwrap()
}

/// The program in the docs.
#[tokio::test]
async fn the_program_prints_each_event_as_a_line() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_webhook-receiver"))
        .args(["--listen", "127.0.0.1:0"])
        .env("NOTIFICATION_SECRET", SECRET)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(program.stderr.take().unwrap()).lines();
    let greeting = line(&mut err).await;
    let url = greeting.rsplit(' ').next().unwrap();

    let forged = Webhook {
        secret: OTHER_SECRET,
        ..Webhook::new("msg_1")
    };
    assert_eq!(forged.send(url).await, StatusCode::UNAUTHORIZED);
    let refusal = line(&mut err).await;
    assert!(refusal.contains("refused"), "{refusal}");

    let (first, second) = (Webhook::new("msg_1"), Webhook::new("msg_2"));
    for webhook in [&first, &first, &second] {
        assert!(webhook.send(url).await.is_success());
    }
    for webhook in [first, second] {
        let event: Value = serde_json::from_str(&line(&mut out).await).unwrap();
        assert_eq!(event, webhook.event);
    }
}

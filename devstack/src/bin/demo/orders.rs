//! The orders system: an order goes from status to status, and whoever wants to
//! know is told each time.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use devstack::WebhookReceiver;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    checks::{Checks, heading, same},
    client::{Answer, Client, Session},
};

/// Whose order it is.
const USER: &str = "456";

/// Someone else.
const OTHER: &str = "7";

/// Where the order goes after it was received.
const WAY: [&str; 2] = ["inprocess", "completed"];

/// The longest that a notification may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver of notifications, which verifies them.
pub struct Listener {
    receiver: WebhookReceiver,
    secret: String,
}

impl Listener {
    /// Starts it, with a secret of its own.
    ///
    /// # Errors
    /// There is no port, or no random bytes.
    pub async fn start() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).context("the system gives no random bytes")?;
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(key));
        Ok(Self {
            receiver: WebhookReceiver::start(&secret).await?,
            secret,
        })
    }

    /// The application's variables by which it is told.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let url = self.receiver.url();
        let host = url.trim_end_matches('/').to_owned();
        [
            ("notification_hosts", host),
            ("notification_urls", url),
            ("notification_secret", self.secret.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Waits for the event of an order's version. What is taken has been verified.
    async fn hears_of(&self, id: &str, version: u64) -> Result<Event> {
        let listening = async {
            let mut known = 0;
            loop {
                let taken = self.receiver.received_beyond(known).await;
                for received in taken.iter().skip(known) {
                    let event: Event = serde_json::from_value(received.body.clone())?;
                    if event.subject == id && event.data.version == version {
                        return anyhow::Ok(event);
                    }
                }
                known = taken.len();
            }
        };
        let heard = tokio::time::timeout(PATIENCE, listening).await;
        heard.with_context(|| format!("no notification after {} s", PATIENCE.as_secs()))?
    }
}

/// An order to send.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    order_id: String,
    status: String,
    description: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A CloudEvent, as far as it is looked at.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    data: Changed,
}

#[derive(Deserialize)]
struct Changed {
    version: u64,
    status: String,
}

/// What `POST` and `PUT` answer.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    message: String,
    order_id: String,
    status: String,
    version: u64,
}

/// What `GET /orders/{orderId}` answers.
#[derive(Deserialize)]
struct Order {
    status: String,
    version: u64,
    processing: Processing,
}

#[derive(Deserialize)]
struct Processing {
    state: String,
}

/// What it answers with `?history=true`.
#[derive(Deserialize)]
struct History {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: u64,
    status: String,
    updated_by: String,
    processing: Option<Value>,
}

/// Tells the whole chapter. `file` has the order.
///
/// # Errors
/// It cannot go on.
pub async fn tell(
    client: &Client,
    listener: &Listener,
    file: &Path,
    checks: &mut Checks,
) -> Result<()> {
    let user = client.user(USER)?;
    heading("An order: from status to status, somebody told of each");
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    let order: Sample = serde_json::from_slice(&text)?;
    let id = &*order.order_id;

    let started = Instant::now();
    let answer = user.post("/orders", &order).await?;
    let first: Accepted = answer.expect(StatusCode::OK)?.json()?;
    accepted(&first, id, "received", 1)?;
    checks.add(format!("{id} is received"), Ok("version 1".to_owned()));
    let heard = heard(listener, id, "received", 1, started).await;
    checks.add("its notification", heard);

    for (version, status) in (2..).zip(WAY) {
        let started = Instant::now();
        let answer = put(&user, &order, status).await?;
        let answer = answer.expect(StatusCode::OK)?.json()?;
        accepted(&answer, id, status, version)?;
        let what = format!("it becomes {status}");
        checks.add(what, Ok(format!("version {version}")));
        let heard = self::heard(listener, id, status, version, started).await;
        checks.add("its notification", heard);
    }

    let back = put(&user, &order, "received").await;
    let back = back.and_then(|answer| answer.refused(StatusCode::CONFLICT, "illegal_transition"));
    checks.add("back to received", back);
    checks.add("it is as before", latest(&user, id).await);
    checks.add("its history", history(&user, id).await);
    checks.add("sent again", again(&user, &order, &first).await);
    let others = client.user(OTHER)?.get(&format!("/orders/{id}")).await;
    let others = others.and_then(|answer| answer.refused(StatusCode::NOT_FOUND, "unknown_order"));
    checks.add("another user asks for it", others);
    let refused = listener.receiver.refused();
    ensure!(
        refused.is_empty(),
        "the receiver refused notifications: {refused:?}"
    );
    Ok(())
}

fn accepted(answer: &Accepted, id: &str, status: &str, version: u64) -> Result<()> {
    same("message", &*answer.message, "Order processed successfully")?;
    same("orderId", &*answer.order_id, id)?;
    same("status", &*answer.status, status)?;
    same("version", answer.version, version)
}

async fn put(user: &Session<'_>, order: &Sample, status: &str) -> Result<Answer> {
    let order = Sample {
        status: status.to_owned(),
        ..order.clone()
    };
    user.put(&format!("/orders/{}", order.order_id), &order)
        .await
}

async fn heard(
    listener: &Listener,
    id: &str,
    status: &str,
    version: u64,
    started: Instant,
) -> Result<String> {
    let event = listener.hears_of(id, version).await?;
    let took = started.elapsed().as_millis();
    same("type", event.kind.clone(), format!("orilla.order.{status}"))?;
    same("status", &*event.data.status, status)?;
    Ok(format!("{}, verified, after {took} ms", event.kind))
}

async fn latest(user: &Session<'_>, id: &str) -> Result<String> {
    let answer = user.get(&format!("/orders/{id}")).await?;
    let order: Order = answer.expect(StatusCode::OK)?.json()?;
    let [.., last] = WAY;
    same("status", &*order.status, last)?;
    same("version", order.version, WAY.len() as u64 + 1)?;
    same("state", &*order.processing.state, "processed")?;
    Ok(format!("{}, {}", order.status, order.processing.state))
}

async fn history(user: &Session<'_>, id: &str) -> Result<String> {
    let answer = user.get(&format!("/orders/{id}?history=true")).await?;
    let history: History = answer.expect(StatusCode::OK)?.json()?;
    let found = history.versions.iter();
    let found: Vec<_> = found.map(|one| (one.version, &*one.status)).collect();
    let expected = ["received"].into_iter().chain(WAY);
    same("the versions", &found, &(1..).zip(expected).collect())?;
    for version in &history.versions {
        same("updatedBy", &*version.updated_by, USER)?;
        let number = version.version;
        ensure!(
            version.processing.is_some(),
            "version {number} was not processed"
        );
    }
    let told = found
        .iter()
        .map(|(version, status)| format!("{version} {status}"));
    Ok(told.collect::<Vec<_>>().join(", "))
}

async fn again(user: &Session<'_>, order: &Sample, first: &Accepted) -> Result<String> {
    let answer = user.post("/orders", order).await?;
    let answer: Accepted = answer.expect(StatusCode::OK)?.json()?;
    same("the answer", &answer, first)?;
    let other = Sample {
        description: "something else".to_owned(),
        ..order.clone()
    };
    let answer = user.post("/orders", &other).await?;
    let refused = answer.refused(StatusCode::CONFLICT, "order_exists")?;
    Ok(format!("the same answer; with other content {refused}"))
}

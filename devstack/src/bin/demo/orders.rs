//! The orders system: an order goes from status to status, and a receiver gets a
//! notification each time.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use devstack::{
    WebhookReceiver,
    client::{Client, User, routes},
};
use serde_json::{Value, json};

use crate::{
    OTHER, USER,
    checks::{Checks, heading, read_json, same, shows, text},
};

/// The statuses that the order takes, each a version.
const WAY: [&str; 3] = ["received", "inprocess", "completed"];

/// The maximum time that a notification may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver of notifications, which verifies them.
pub struct Listener {
    receiver: WebhookReceiver,
    secret: String,
}

impl Listener {
    /// Starts the receiver, with a secret of its own.
    ///
    /// # Errors
    /// There is no free port, or there are no random bytes.
    pub async fn start() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).context("the system gives no random bytes")?;
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(key));
        Ok(Self {
            receiver: WebhookReceiver::start(&secret).await?,
            secret,
        })
    }

    /// The application's variables for notifications to this receiver.
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

    /// Waits for the event of an order's version. The receiver has verified it.
    async fn hears_of(&self, id: &str, version: u64) -> Result<Value> {
        let expected = json!({"subject": id, "data": {"version": version}});
        let listening = async {
            let mut known = 0;
            loop {
                let taken = self.receiver.received_beyond(known).await;
                for received in taken.iter().skip(known) {
                    let event = &received.body;
                    if shows(event, &expected).is_ok() {
                        return event.clone();
                    }
                }
                known = taken.len();
            }
        };
        let heard = tokio::time::timeout(PATIENCE, listening).await;
        heard.with_context(|| format!("no notification after {} s", PATIENCE.as_secs()))
    }
}

/// Runs the whole chapter. `file` has the order.
///
/// # Errors
/// The chapter cannot go on.
pub async fn tell(
    client: &Client,
    listener: &Listener,
    file: &Path,
    checks: &mut Checks,
) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    heading("An order: from status to status, somebody told of each");
    let order = read_json(file)?;
    let id = text(&order, "/orderId")?;

    let mut first = Value::Null;
    for (version, status) in (1..).zip(WAY) {
        let started = Instant::now();
        let (what, call) = match version {
            1 => (format!("{id} is {status}"), routes::create_order(&order)),
            _ => {
                let changed = with(&order, "status", status);
                (
                    format!("it becomes {status}"),
                    routes::change_order(id, &changed),
                )
            }
        };
        let answer = user.ask(&call).await?;
        let message = "Order processed successfully";
        let expected =
            json!({"message": message, "orderId": id, "status": status, "version": version});
        shows(&answer, &expected)?;
        checks.add(what, Ok(format!("version {version}")));
        let heard = heard(listener, id, status, version, started).await;
        checks.add("its notification", heard);
        if version == 1 {
            first = answer;
        }
    }

    let back = routes::change_order(id, &with(&order, "status", "received"));
    let back = user.is_refused(&back, 409, "illegal_transition");
    checks.add("back to received", back.await);
    checks.add("it is as before", latest(&user, id).await);
    checks.add("its history", history(&user, id).await);
    checks.add("sent again", again(&user, &order, &first).await);
    let read = routes::order(id);
    let others = other.is_refused(&read, 404, "unknown_order").await;
    checks.add("another user asks for it", others);
    let refused = listener.receiver.refused();
    ensure!(
        refused.is_empty(),
        "the receiver refused notifications: {refused:?}"
    );
    Ok(())
}

/// An order with one member changed.
fn with(order: &Value, member: &str, value: &str) -> Value {
    let mut order = order.clone();
    if let Some(members) = order.as_object_mut() {
        members.insert(member.to_owned(), value.into());
    }
    order
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
    let kind = format!("orilla.order.{status}");
    shows(&event, &json!({"type": kind, "data": {"status": status}}))?;
    Ok(format!("{kind}, verified, after {took} ms"))
}

async fn latest(user: &User<'_>, id: &str) -> Result<String> {
    let order = user.ask(&routes::order(id)).await?;
    let ([.., status], state) = (WAY, "processed");
    let expected = json!({"status": status, "version": WAY.len(), "processing": {"state": state}});
    shows(&order, &expected)?;
    Ok(format!("{status}, {state}"))
}

async fn history(user: &User<'_>, id: &str) -> Result<String> {
    let history = user.ask(&routes::order_history(id)).await?;
    let versions = (1..).zip(WAY);
    let expected = versions.clone().map(|(version, status)| {
        json!({"version": version, "status": status, "updatedBy": USER, "processing": {}})
    });
    shows(&history, &json!({"versions": Vec::from_iter(expected)}))?;
    let told = versions.map(|(version, status)| format!("{version} {status}"));
    Ok(told.collect::<Vec<_>>().join(", "))
}

async fn again(user: &User<'_>, order: &Value, first: &Value) -> Result<String> {
    let answer = user.ask(&routes::create_order(order)).await?;
    same("the answer", &answer, first)?;
    let other = with(order, "description", "something else");
    let call = routes::create_order(&other);
    let refused = user.is_refused(&call, 409, "order_exists").await?;
    Ok(format!("the same answer; with other content {refused}"))
}

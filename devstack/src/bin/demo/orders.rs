//! The orders system: an order goes from status to status, and a receiver gets a
//! notification each time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use devstack::{
    WebhookReceiver,
    client::{Client, routes},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    checks::{Checks, read_json, say, text},
    shared::{OTHER, USER},
};

/// The statuses that the order takes, each a version.
const WAY: [&str; 3] = ["received", "inprocess", "completed"];

/// The maximum time that a notification may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the whole chapter.
pub async fn tell(client: &Client, receiver: &WebhookReceiver, checks: &Checks) -> Result<()> {
    let (user, other) = (client.user(USER)?, client.user(OTHER)?);
    say("\nAn order: from status to status, with a notification of each");
    let order = read_json("data/sample_order.json")?;
    let id = text(&order, "/orderId")?;
    let create = routes::create_order(&order);
    let change_to = |status| routes::change_order(id, &with(&order, "status", status));

    let mut versions = Vec::new();
    for (version, status) in (1..).zip(WAY) {
        let started = Instant::now();
        let call = match version {
            1 => create.clone(),
            _ => change_to(status),
        };
        let answer = user.ask(&call).await?;
        let expected = json!({"status": status, "version": version});
        checks.shows(format!("{id} is {status}"), &answer, &expected);

        let heard = timeout(PATIENCE, receiver.received_beyond(versions.len())).await;
        let heard = heard.with_context(|| format!("no notification after {PATIENCE:?}"))?;
        let event = heard.last().map(|event| &event.body).context("no event")?;
        let what = format!("notified, in {} ms", started.elapsed().as_millis());
        let kind = format!("orilla.order.{status}");
        checks.shows(what, event, &json!({"type": kind, "data": expected}));
        versions.push(expected);
    }
    let latest = user.ask(&routes::order(id)).await?;
    let processed = json!({"status": "completed", "processing": {"state": "processed"}});
    checks.shows("it is processed", &latest, &processed);
    let history = user.ask(&routes::order_history(id)).await?;
    checks.shows("its history", &history, &json!({ "versions": versions }));
    let again = user.ask(&create).await?;
    checks.shows("sent again", &again, &json!({"version": 1}));

    let (back, read) = (change_to("received"), routes::order(id));
    let changed = routes::create_order(&with(&order, "description", "something else"));
    checks
        .refused(&[
            ("back to received", &user, &back, 409, "illegal_transition"),
            ("with other content", &user, &changed, 409, "order_exists"),
            ("another user asks", &other, &read, 404, "unknown_order"),
        ])
        .await;
    let refused = receiver.refused().len();
    checks.same("notifications that the receiver refused", refused, 0);
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

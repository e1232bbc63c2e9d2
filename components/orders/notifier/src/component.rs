//! The component: its two exports and what it works with.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

mod notifier;

use base::{Trace, log};
use orders_domain::keys::NOTIFICATIONS;
use queue::{Delivery, Policy, Queue, Settlement};
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};
use stores::SpinRedis;

use crate::receivers::Receivers;
use notifier::Notifier;

#[redis_component]
async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
    worker::on_bell(drain()).await
}

#[http_component]
async fn on_request(request: IncomingRequest, out: ResponseOutparam) {
    worker::on_request(request, out, NOTIFICATIONS, drain).await;
}

async fn drain() -> Result<usize, base::Failure> {
    let policy = worker::policy()?;
    let urls = base::text("notification_urls")?;
    let receivers = Receivers::parse(&urls, &base::text("notification_secret")?);
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, NOTIFICATIONS)?;
    worker::drain(&queue, &policy, async |deliveries, deadline| {
        let receivers = match &receivers {
            Ok(receivers) => receivers,
            Err(problem) => return postpone(&queue, &policy, &deliveries, problem),
        };
        let notifier = Notifier {
            queue: &queue,
            policy: &policy,
            receivers,
        };
        worker::in_groups(
            &queue,
            &policy,
            &deliveries,
            deadline,
            async |group: &[Delivery]| Ok(notifier.notify(group).await),
        )
        .await
    })
    .await
}

/// Lets messages wait until somebody has mended the configuration.
fn postpone(
    queue: &Queue<'_, SpinRedis>,
    policy: &Policy,
    deliveries: &[Delivery],
    problem: &str,
) -> Result<(), base::Failure> {
    let fields = json!({"error": problem, "notifications": deliveries.len()});
    log::error(&Trace::new(), "notifications have to wait", fields);
    let settlements: Vec<_> = deliveries
        .iter()
        .map(|one| Settlement::of(one).with(worker::postpone(queue, one, policy.base_delay)))
        .collect();
    queue.settle(&settlements, &[])?;
    Ok(())
}

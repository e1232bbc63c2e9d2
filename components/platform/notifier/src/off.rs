//! Switches off an endpoint that has failed for days.

use base::{Failure, Timestamp, Trace, log};
use queue::Queue;
use serde_json::json;
use stores::Redis;
use webhooks::{
    Changed, CloudEvent, Endpoint, Fact, WebhookView, event_id, load_health, occurred_for_all,
};

/// The type of the event that tells the other endpoints.
const DISABLED: &str = "orilla.webhook.disabled";

/// Switches an endpoint off if it is still on and has failed for five days, as it stands in
/// Redis now: another worker may have seen a success. The other endpoints are told.
pub(crate) fn switch_off(
    queue: &Queue<'_, impl Redis>,
    id: &str,
    trace: &Trace,
) -> Result<(), Failure> {
    let now = Timestamp::now();
    let health = load_health(queue.redis())?.remove(id).unwrap_or_default();
    let Some(since) = health.failing_since().filter(|_| health.is_lost(now)) else {
        return Ok(());
    };
    let reason = format!("all deliveries since {since} failed, for five days or more");
    let is_off = webhooks::change(queue, |endpoints| {
        let endpoint = endpoints.get(id).filter(|endpoint| endpoint.enabled);
        let Some(endpoint) = endpoint else {
            return Ok((Changed::Nothing, false));
        };
        let off = endpoint.switched_off(reason.clone(), now);
        let data = serde_json::to_string(&WebhookView::new(&off).with_health(&health))?;
        let told = occurred_for_all(&event(&off, &data, trace)?, trace)?;
        let put = Changed::Put {
            endpoint: off,
            secrets: None,
            effects: vec![told],
        };
        Ok::<_, Failure>((put, true))
    })?;
    if is_off {
        let fields = json!({"webhook": id, "reason": reason});
        log::error(trace, "a webhook was switched off", fields);
    }
    Ok(())
}

/// The event that tells the others. `data` is the endpoint as answers show it.
fn event<'a>(
    off: &'a Endpoint,
    data: &'a str,
    trace: &'a Trace,
) -> Result<CloudEvent<'a>, Failure> {
    let millis = off.updated_at.millis();
    let fact = Fact {
        id: event_id(&format!("webhooks/{}/disabled/{millis}", off.id)),
        source: "/webhooks",
        kind: DISABLED,
        subject: off.id.as_str(),
        version: millis,
        time: off.updated_at.to_string(),
        data,
    };
    CloudEvent::new(fact, trace).map_err(Failure::internal)
}

//! Notifications: from their messages to what came of them.

use std::time::Duration;

use base::{Trace, log, now_millis};
use futures::future::join_all;
use http::Uri;
use orders_domain::{NotificationMessage, Unreadable};
use outbound::Spin;
use queue::{Delivery, Effect, Policy, Queue, Settlement};
use serde_json::{Value, json};
use stores::SpinRedis;
use worker::Next;

use crate::answer::{Verdict, wait};
use crate::client::send;
use crate::receivers::Receivers;

/// Sends notifications.
pub(super) struct Notifier<'a> {
    pub(super) queue: &'a Queue<'a, SpinRedis>,
    pub(super) policy: &'a Policy,
    pub(super) receivers: &'a Receivers,
}

impl Notifier<'_> {
    /// Sends notifications, all at the same time.
    pub(super) async fn notify(&self, deliveries: &[Delivery]) -> Vec<Settlement> {
        join_all(deliveries.iter().map(async |delivery| {
            let effects = self.notify_one(delivery).await.into_iter();
            effects.fold(Settlement::of(delivery), Settlement::with)
        }))
        .await
    }

    /// What is still to become of a message, if anything.
    async fn notify_one(&self, delivery: &Delivery) -> Vec<Effect> {
        let message: NotificationMessage<Trace> =
            match NotificationMessage::decode(&delivery.message) {
                Ok(message) => message,
                // Another replica may know it, or this one when it is up to date.
                Err(Unreadable::Newer(_)) => {
                    let delay = self.policy.base_delay;
                    return vec![worker::postpone(self.queue, delivery, delay)];
                }
                Err(error) => {
                    let error = error.to_string();
                    let fields = json!({"error": error});
                    log::error(&Trace::new(), "a message became a dead letter", fields);
                    return vec![self.queue.bury(delivery, &error)];
                }
            };
        let Some(url) = &message.url else {
            return self
                .tell_everybody(&message)
                .unwrap_or_else(|error| vec![self.queue.bury(delivery, &error.to_string())]);
        };
        let attempt = Attempt {
            delivery,
            message: &message,
            address: url.parse().unwrap_or_default(),
        };
        self.attempt(&attempt).await.into_iter().collect()
    }

    /// One message for each receiver, so that none waits for another.
    fn tell_everybody(
        &self,
        message: &NotificationMessage<Trace>,
    ) -> serde_json::Result<Vec<Effect>> {
        let names = self.queue.names();
        let messages = self.receivers.addresses();
        let messages = messages.map(|url| Ok(names.send(message.clone().to(url).encode()?)));
        messages.collect()
    }

    async fn attempt(&self, attempt: &Attempt<'_>) -> Option<Effect> {
        let (message, trace) = (attempt.message, &attempt.message.trace);
        let Some(receiver) = self.receivers.find(&attempt.address) else {
            let fields = attempt.fields(json!({"error": "its URL is not in notification_urls"}));
            log::warn(trace, "a notification was dropped", fields);
            return None;
        };
        if attempt.delivery.attempt > self.policy.attempts {
            let error = "every worker died while it sent the notification";
            return Some(self.bury(attempt, error));
        }
        match send(&Spin, receiver, message, now_millis() / 1_000).await {
            Verdict::Delivered(status) => {
                let fields = attempt.fields(json!({"status": status.as_u16()}));
                log::info(trace, "a notification was delivered", fields);
                None
            }
            Verdict::Refused(error) => Some(self.bury(attempt, &error)),
            Verdict::Failed { error, not_before } => Some(self.retry(attempt, &error, not_before)),
        }
    }

    /// It is tried again, unless it has had its last attempt.
    fn retry(&self, attempt: &Attempt, error: &str, not_before: Duration) -> Effect {
        let delay = match worker::after_failure(self.queue, self.policy, attempt.delivery) {
            Next::Dead => return self.bury(attempt, error),
            Next::Retry(delay, _) => wait(delay, not_before, self.policy.max_delay),
        };
        let more = json!({"error": error, "retryInMs": worker::millis(delay)});
        let fields = attempt.fields(more);
        let trace = &attempt.message.trace;
        log::warn(trace, "a notification is sent again later", fields);
        self.queue.retry(attempt.delivery, delay)
    }

    fn bury(&self, attempt: &Attempt, error: &str) -> Effect {
        let fields = attempt.fields(json!({"error": error}));
        let trace = &attempt.message.trace;
        log::error(trace, "a notification could not be delivered", fields);
        self.queue.bury(attempt.delivery, error)
    }
}

/// An attempt to deliver a notification.
struct Attempt<'a> {
    delivery: &'a Delivery,
    message: &'a NotificationMessage<Trace>,
    address: Uri,
}

impl Attempt<'_> {
    /// What the log says about it. Of the address that is the host: a path may be secret.
    fn fields(&self, more: Value) -> Value {
        let mut fields = json!({
            "notificationId": self.message.id,
            "host": self.address.host(),
            "attempt": self.delivery.attempt,
        });
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more);
        }
        fields
    }
}

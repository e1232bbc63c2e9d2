//! The component: its two exports, its variables and its stores.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

use std::time::Duration;

use base::{Failure, Trace, log, now_millis};
use futures::future::join_all;
use http::Uri;
use orders_domain::{Notification, keys};
use outbound::{SpinWithin, within};
use queue::{Effect, Group, Message, Policy, QueueNames};
use serde_json::{Value, json};
use stores::SpinRedis;
use worker::{Leases, Share, Verdict, Work};

use crate::answer;
use crate::client::send;
use crate::receivers::Receivers;
use crate::retries::Retries;

/// The time in which a receiver has to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// The min lease of a notification: a receiver that takes all of its time must not get the same
/// notification twice at once.
const MIN_LEASE: Duration = Duration::from_secs(25);

worker::exports!(keys::NOTIFICATIONS, drain);

async fn drain() -> Result<usize, Failure> {
    let policy = worker::policy()?;
    let policy = Policy {
        lease: policy.lease.max(MIN_LEASE),
        ..policy
    };
    let retries = Retries::parse(&base::text("notification_retry_schedule")?).map_err(|error| {
        Failure::misconfigured(format!("the variable notification_retry_schedule {error}"))
    })?;
    let urls = base::text("notification_urls")?;
    let receivers = Receivers::parse(&urls, &base::text("notification_secret")?);
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::NOTIFICATIONS)?;
    worker::run(&queue, &policy, &Notifier { receivers, retries }).await
}

type Task<'m> = worker::Task<'m, Notification>;

/// Sends notifications.
struct Notifier {
    /// The receivers, or the error in the variables that name them.
    receivers: Result<Receivers, String>,
    /// When they are told again.
    retries: Retries,
}

impl Work for Notifier {
    type Message<'m> = Notification;

    const ABANDONED: &'static str = "every worker died while it sent the notification";

    // A failed notification does not delay later ones to the same receiver.
    const HOLDS_GROUP: bool = false;

    // A worker that died is no fault of the receiver.
    const COUNTS_DEATHS: bool = false;

    // The last notification that is begun has the time of an answer until the end.
    const MAX_TIME: Duration = Duration::from_secs(12);

    fn next_try(&self, _: &Policy, attempt: u32, not_before: Duration) -> Option<Duration> {
        self.retries.after(attempt, base::random(), not_before)
    }

    /// Each notification is handled on its own. More are in work at once than elsewhere,
    /// so that several receivers that do not answer leave room for others.
    fn share(&self, concurrency: usize) -> Share {
        Share {
            per_call: 1,
            calls: concurrency.saturating_mul(keys::RECEIVER_GROUPS.into()),
        }
    }

    /// The log fields of a message. Only the host of the address is logged, since a path
    /// may be secret.
    fn fields(&self, task: &Task<'_>) -> Value {
        let address = task.message.url.as_deref().map(str::parse::<Uri>);
        let host = address
            .and_then(Result::ok)
            .and_then(|address| Some(address.host()?.to_owned()));
        json!({"notificationId": task.message.id, "host": host})
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let receivers = self.receivers.as_ref();
        let receivers = receivers.map_err(Failure::misconfigured)?;
        Ok(join_all(tasks.iter().map(|task| self.notify(task, receivers))).await)
    }
}

impl Notifier {
    async fn notify(&self, task: &Task<'_>, receivers: &Receivers) -> Verdict {
        let Task { message, trace, .. } = task;
        let Some(url) = &message.url else {
            return match tell_everybody(message, trace, receivers) {
                Ok(effects) => Verdict::Done(effects),
                Err(failure) => Verdict::Dead(failure.to_string().into()),
            };
        };
        let address = url.parse().unwrap_or_default();
        let Some(receiver) = receivers.find(&address) else {
            return Verdict::Drop("its URL is not in notification_urls");
        };
        let (transport, now) = (SpinWithin(ANSWER), now_millis() / 1_000);
        let sent = within(ANSWER, send(&transport, receiver, message, trace, now)).await;
        match sent.unwrap_or_else(|| answer::late(ANSWER)) {
            answer::Verdict::Delivered(status) => {
                let mut fields = self.fields(task);
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert("attempt".into(), task.delivery.attempt.into());
                    fields.insert("status".into(), status.as_u16().into());
                }
                log::info(trace, "a notification was delivered", fields);
                Verdict::Done(Vec::new())
            }
            answer::Verdict::Refused(error) => Verdict::Dead(error.into()),
            answer::Verdict::Failed { error, not_before } => Verdict::Retry {
                trouble: error.into(),
                not_before,
            },
        }
    }
}

/// One message per receiver, each in a message group of its own, so that no receiver
/// waits for another.
fn tell_everybody(
    message: &Notification,
    trace: &Trace,
    receivers: &Receivers,
) -> Result<Vec<Effect>, Failure> {
    let queue = QueueNames::new(keys::NOTIFICATIONS);
    let messages = receivers.addresses().map(|url| {
        let group = Group {
            key: keys::receiver(&url, message.id.bytes().fold(0, u8::wrapping_add)),
            ahead: None,
        };
        let message = Notification {
            url: Some(url),
            ..message.clone()
        };
        Ok(queue.send_in(group, message.encode(trace)?))
    });
    messages.collect()
}

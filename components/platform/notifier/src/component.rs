//! The component: its two exports, its variables and its stores.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

use std::time::Duration;

use base::{Failure, Trace, log, now_millis};
use futures::future::join_all;
use http::Uri;
use outbound::webhooks::Signer;
use outbound::{SpinWithin, within};
use queue::{Effect, Group, Message, Policy, QueueNames};
use serde_json::{Value, json};
use stores::SpinRedis;
use webhooks::{Delivery, Incoming, Notification, Occurred, TEST, keys};
use worker::{Leases, Share, Verdict, Work};

use crate::answer;
use crate::client::send;
use crate::known::Known;
use crate::receivers::{Receivers, wants};
use crate::retries::Retries;

/// The time in which a receiver has to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// The min lease of a message: a receiver that takes all of its time must not get the same
/// event twice at once.
const MIN_LEASE: Duration = Duration::from_secs(25);

worker::exports!(keys::QUEUE, drain);

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
    let queue = worker::open(&redis, keys::QUEUE)?;
    let notifier = Notifier {
        receivers,
        retries,
        known: Known::new(&redis),
    };
    worker::run(&queue, &policy, &notifier).await
}

type Task<'m> = worker::Task<'m, Incoming>;

/// Sends events to endpoints.
struct Notifier<'a> {
    /// The endpoints of `notification_urls`, or the error in the variables that name them.
    receivers: Result<Receivers, String>,
    /// When a delivery that failed is tried again.
    retries: Retries,
    /// The endpoints that operators made.
    known: Known<'a, SpinRedis>,
}

impl Work for Notifier<'_> {
    type Message<'m> = Incoming;

    const ABANDONED: &'static str = "every worker died while it sent the event";

    // A delivery that failed does not delay later ones to the same endpoint.
    const HOLDS_GROUP: bool = false;

    // A worker that died is no fault of the receiver.
    const COUNTS_DEATHS: bool = false;

    // The last delivery that is begun has the time of an answer until the end.
    const MAX_TIME: Duration = Duration::from_secs(12);

    fn next_try(&self, _: &Policy, attempt: u32, not_before: Duration) -> Option<Duration> {
        self.retries.after(attempt, base::random(), not_before)
    }

    /// Each message is handled on its own. More are in work at once than elsewhere, so that
    /// several receivers that do not answer leave room for others.
    fn share(&self, concurrency: usize) -> Share {
        Share {
            per_call: 1,
            calls: concurrency.saturating_mul(keys::GROUPS.into()),
        }
    }

    /// The log fields of a message. Only the host of a URL is logged, since a path may be
    /// secret.
    fn fields(&self, task: &Task<'_>) -> Value {
        let id = task.message.event_id();
        match &task.message {
            Incoming::Notification(Notification { url, .. }) => {
                let url = url.as_deref().map(str::parse::<Uri>);
                let host = url.and_then(Result::ok);
                let host = host.and_then(|url| Some(url.host()?.to_owned()));
                json!({"notificationId": id, "host": host})
            }
            Incoming::Occurred(Occurred { kind, .. }) => {
                json!({"notificationId": id, "event": kind})
            }
            Incoming::Delivery(Delivery { endpoint, kind, .. }) => {
                json!({"notificationId": id, "webhook": endpoint, "event": kind})
            }
        }
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let verdicts = join_all(tasks.iter().map(|task| self.handle(task))).await;
        verdicts.into_iter().collect()
    }
}

impl Notifier<'_> {
    async fn handle(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        match &task.message {
            Incoming::Notification(Notification {
                url: None,
                id,
                event,
            }) => {
                let kind = webhooks::kind_of(event).unwrap_or_default();
                self.fan_out(id, &kind, event, &task.trace)
            }
            Incoming::Occurred(Occurred { id, kind, event }) => {
                self.fan_out(id, kind, event, &task.trace)
            }
            Incoming::Notification(message) => self.notify(task, message).await,
            Incoming::Delivery(delivery) => self.deliver(task, delivery).await,
        }
    }

    fn receivers(&self) -> Result<&Receivers, Failure> {
        self.receivers.as_ref().map_err(Failure::misconfigured)
    }

    /// Makes a message for each endpoint that gets the event, each in a message group of its
    /// endpoint, so that no endpoint waits for another.
    fn fan_out(
        &self,
        id: &str,
        kind: &str,
        event: &str,
        trace: &Trace,
    ) -> Result<Verdict, Failure> {
        let queue = QueueNames::new(keys::QUEUE);
        let nth = id.bytes().fold(0, u8::wrapping_add);
        let send = |endpoint: &str, message: Vec<u8>| {
            let group = Group {
                key: keys::group(endpoint, nth),
                ahead: None,
            };
            queue.send_in(group, message)
        };
        let mut effects: Vec<Effect> = Vec::new();
        let addresses = self.receivers()?.addresses().filter(|_| wants(kind));
        for url in addresses {
            let message = Notification {
                url: Some(url.clone()),
                id: id.to_owned(),
                event: event.to_owned(),
            };
            effects.push(send(&url, message.encode(trace)?));
        }
        let known = self.known.get()?;
        for endpoint in known.endpoints.all.iter().filter(|one| one.gets(kind)) {
            let message = Delivery {
                endpoint: endpoint.id.clone(),
                id: id.to_owned(),
                kind: kind.to_owned(),
                event: event.to_owned(),
            };
            effects.push(send(endpoint.id.as_str(), message.encode(trace)?));
        }
        Ok(Verdict::Done(effects))
    }

    /// Sends an event to an endpoint of `notification_urls`.
    async fn notify(&self, task: &Task<'_>, message: &Notification) -> Result<Verdict, Failure> {
        let url = message.url.as_deref().unwrap_or_default();
        let address = url.parse().unwrap_or_default();
        let Some(to) = self.receivers()?.find(&address) else {
            return Ok(Verdict::Drop("its URL is not in notification_urls"));
        };
        let sent = self.send(task, to, &message.id, &message.event).await;
        let is_test = webhooks::kind_of(&message.event).as_deref() == Some(TEST);
        Ok(once_if(is_test, sent))
    }

    /// Sends an event to an endpoint that an operator made.
    async fn deliver(&self, task: &Task<'_>, delivery: &Delivery) -> Result<Verdict, Failure> {
        let known = self.known.get()?;
        let id = delivery.endpoint.as_str();
        let Some(endpoint) = known.endpoints.get(id) else {
            return Ok(Verdict::Drop("the webhook was deleted"));
        };
        let is_test = delivery.kind == TEST;
        if !endpoint.enabled && !is_test {
            return Ok(Verdict::Drop("the webhook is off"));
        }
        let signer = known
            .secrets
            .get(id)
            .map(|secrets| secrets.signer(now_millis()));
        let (Ok(url), Some(Ok(signer))) = (endpoint.url.parse(), signer) else {
            let trouble = "the webhook cannot be read: delete it and make it again";
            return Ok(Verdict::Dead(trouble.into()));
        };
        let sent = self
            .send(task, (&url, &signer), &delivery.id, &delivery.event)
            .await;
        Ok(once_if(is_test, sent))
    }

    async fn send(&self, task: &Task<'_>, to: (&Uri, &Signer), id: &str, event: &str) -> Verdict {
        let (transport, now) = (SpinWithin(ANSWER), now_millis() / 1_000);
        let sent = within(ANSWER, send(&transport, to, (id, event), &task.trace, now)).await;
        match sent.unwrap_or_else(|| answer::late(ANSWER)) {
            answer::Verdict::Delivered(status) => {
                let mut fields = self.fields(task);
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert("attempt".into(), task.delivery.attempt.into());
                    fields.insert("status".into(), status.as_u16().into());
                }
                log::info(&task.trace, "a notification was delivered", fields);
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

/// The verdict on a delivery; on one of a test, which is not tried again: the operator sees that
/// it failed, and sends another one.
fn once_if(is_test: bool, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Retry { .. } | Verdict::Dead(_) if is_test => {
            Verdict::Drop("a test is sent once, and it failed")
        }
        verdict => verdict,
    }
}

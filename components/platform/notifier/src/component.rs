//! The component: its two exports, its variables and its stores.

#![allow(
    unsafe_code,
    reason = "the bindings' macros generate the imports and exports"
)]

use std::time::{Duration, Instant};

use base::{Failure, Timestamp, Trace, log, now_millis};
use futures::future::join_all;
use http::Uri;
use outbound::webhooks::Signer;
use outbound::{SpinWithin, within};
use queue::{Effect, Policy, Queue};
use serde_json::{Value, json};
use stores::SpinRedis;
use webhooks::{
    Attempt, Delivery, Incoming, Kept, MAX_ANSWER, Notification, Occurred, TEST, Target, kept,
    keys, listed_id, listed_wants,
};
use worker::{Leases, Share, Verdict, Work};

use crate::answer;
use crate::client::{beginning, send};
use crate::journal::Journal;
use crate::known::Known;
use crate::off::switch_off;
use crate::receivers::Receivers;
use crate::retries::Retries;

/// The time in which a receiver has to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// The time in which the beginning of its answer's body has to follow, for the log.
const BODY: Duration = Duration::from_secs(1);

/// The min lease of a message: a receiver that takes all of its time must not get the same
/// event twice at once.
const MIN_LEASE: Duration = Duration::from_secs(25);

worker::exports!(keys::QUEUE, open);

async fn open<'a>(queue: &'a Queue<'a, SpinRedis>) -> Result<Notifier<'a>, Failure> {
    let retries = Retries::parse(&base::text("notification_retry_schedule")?)
        .map_err(|error| Failure::variable("notification_retry_schedule", error))?;
    let urls = base::text("notification_urls")?;
    Ok(Notifier {
        receivers: Receivers::parse(&urls, &base::text("notification_secret")?),
        retries,
        known: Known::new(queue.redis()),
        journal: Journal::open(queue.redis())?,
        queue,
    })
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
    /// Outcomes of deliveries.
    journal: Journal,
    queue: &'a Queue<'a, SpinRedis>,
}

/// An event on its way to an endpoint.
struct Sending<'a> {
    /// The id of the endpoint.
    endpoint: &'a str,
    /// The endpoint's URL, and its signer.
    to: (&'a Uri, &'a Signer),
    /// The event's id, type and text.
    id: &'a str,
    kind: &'a str,
    event: &'a str,
    /// Whether an operator sends it again.
    resend: bool,
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

    fn policy(&self, policy: Policy) -> Policy {
        Policy {
            lease: policy.lease.max(MIN_LEASE),
            ..policy
        }
    }

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

    fn after(&self) -> Vec<Effect> {
        self.journal.take()
    }
}

impl Notifier<'_> {
    async fn handle(&self, task: &Task<'_>) -> Result<Verdict, Failure> {
        match &task.message {
            Incoming::Notification(Notification {
                url: None,
                id,
                event,
                ..
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
    /// endpoint, so that no endpoint waits for another. Keeps the event for a while.
    fn fan_out(
        &self,
        id: &str,
        kind: &str,
        event: &str,
        trace: &Trace,
    ) -> Result<Verdict, Failure> {
        let event = Kept {
            id: id.to_owned(),
            kind: kind.to_owned(),
            event: event.to_owned(),
        };
        let known = self.known.get()?;
        let listed = self.receivers()?.addresses().filter(|_| listed_wants(kind));
        let made = known.endpoints.all.iter().filter(|one| one.gets(kind));
        let made = made.cloned().map(Target::Made);
        let mut effects = Vec::new();
        for target in listed.map(Target::Listed).chain(made) {
            effects.push(webhooks::sent(&target, &event, trace)?);
        }
        if !effects.is_empty() {
            effects.push(kept(id, kind, &event.event));
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
        let sending = Sending {
            endpoint: &listed_id(url),
            to,
            id: &message.id,
            kind: &webhooks::kind_of(&message.event).unwrap_or_default(),
            event: &message.event,
            resend: message.resend,
        };
        let (verdict, _) = self.send(task, sending).await?;
        Ok(verdict)
    }

    /// Sends an event to an endpoint that an operator made.
    async fn deliver(&self, task: &Task<'_>, delivery: &Delivery) -> Result<Verdict, Failure> {
        let known = self.known.get()?;
        let id = delivery.endpoint.as_str();
        let Some(endpoint) = known.endpoints.get(id) else {
            return Ok(Verdict::Drop("the webhook was deleted"));
        };
        if !endpoint.enabled && delivery.kind != TEST {
            self.journal.note_off(id, &delivery.id);
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
        let sending = Sending {
            endpoint: id,
            to: (&url, &signer),
            id: &delivery.id,
            kind: &delivery.kind,
            event: &delivery.event,
            resend: delivery.resend,
        };
        let (verdict, is_lost) = self.send(task, sending).await?;
        if is_lost {
            switch_off(self.queue, id, &task.trace)?;
        }
        Ok(verdict)
    }

    /// Sends an event and notes the outcome. Returns whether the endpoint is to be given up,
    /// too.
    async fn send(
        &self,
        task: &Task<'_>,
        sending: Sending<'_>,
    ) -> Result<(Verdict, bool), Failure> {
        let Sending {
            endpoint,
            to,
            id,
            kind,
            event,
            resend,
        } = sending;
        let attempt = task.delivery.attempt;
        if attempt > 1 && !resend && webhooks::was_resent(self.queue.redis(), endpoint, id)? {
            let reason = "an operator sent it again, and it was delivered";
            return Ok((Verdict::Drop(reason), false));
        }
        let (at, started) = (Timestamp::now(), Instant::now());
        let (transport, now) = (SpinWithin(ANSWER), at.millis() / 1_000);
        let sent = within(ANSWER, send(&transport, to, (id, event), &task.trace, now)).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let verdict = match &sent {
            Some(answer) => answer::read(answer),
            None => answer::late(ANSWER),
        };
        let (mut status, mut answer) = (None, String::new());
        if let Some(Ok(response)) = sent {
            status = Some(response.status().as_u16());
            let body = beginning(response.into_body(), MAX_ANSWER);
            answer = within(BODY, body).await.unwrap_or_default();
        }
        let error = match &verdict {
            answer::Verdict::Delivered(_) => None,
            answer::Verdict::Refused(error) | answer::Verdict::Failed { error, .. } => Some(error),
        };
        let noted = Attempt {
            event: id.to_owned(),
            kind: kind.to_owned(),
            delivered: error.is_none(),
            status,
            at,
            duration_ms,
            attempt,
            answer,
            error: error.cloned(),
        };
        let is_lost = self.journal.note(endpoint, &noted, resend)?;
        let verdict = match verdict {
            answer::Verdict::Delivered(status) => {
                let mut fields = self.fields(task);
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert("attempt".into(), attempt.into());
                    fields.insert("status".into(), status.as_u16().into());
                }
                log::info(&task.trace, "a notification was delivered", fields);
                Verdict::Done(Vec::new())
            }
            // The operator sees that it failed, and sends another one.
            _ if kind == TEST => Verdict::Drop("a test is sent once, and it failed"),
            answer::Verdict::Refused(error) => Verdict::Dead(error.into()),
            answer::Verdict::Failed { error, not_before } => Verdict::Retry {
                trouble: error.into(),
                not_before,
            },
        };
        Ok((verdict, is_lost))
    }
}

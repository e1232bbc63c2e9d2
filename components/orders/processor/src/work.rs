//! Versions of orders: from their messages to their outcomes.

use base::{Failure, log};
use orders_domain::{Changed, Order, ProcessingRecord, Status, Timestamp, keys};
use queue::Effect;
use records::{Carries, Received};
use serde_json::{Value, json};
use stores::SpinKeyValue;
use webhooks::{occurred, occurred_for_all};
use worker::{Leases, Trouble, Verdict, Work};

use self::bindings::orilla::orders::handler;

/// The handler that `spin.toml` binds.
mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/orders" });
}

type Task<'m> = worker::Task<'m, Changed>;

pub(crate) struct Processor {
    pub(crate) store: SpinKeyValue,
    /// Whether `notification_urls` names receivers, which get all events of orders.
    pub(crate) has_receivers: bool,
    /// The `source` of events.
    pub(crate) notification_source: String,
}

impl Work for Processor {
    type Message<'m> = Changed;

    const ABANDONED: &'static str = "every worker died while it handled the order";

    fn repair(&self, received: &Received<'_>) -> Result<Carries, Failure> {
        received.repair::<Order>(&self.store)
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        let Changed {
            version, document, ..
        } = &task.message;
        json!({"orderId": document.order_id, "status": document.status(), "version": version})
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let inputs: Vec<_> = tasks.iter().map(input).collect::<Result<_, _>>()?;
        let outcomes = handler::handle(&inputs).into_iter();
        let verdicts = tasks
            .iter()
            .zip(outcomes)
            .map(|(task, outcome)| match outcome {
                Ok(outcome) => match self.done(task, outcome) {
                    Ok(effects) => {
                        let message = "a change of an order was processed";
                        log::info(&task.trace, message, self.fields(task));
                        Verdict::Done(effects)
                    }
                    Err(unusable) => Verdict::Dead(for_operators(unusable)),
                },
                // The handler's own reason, which the owner may read.
                Err(handler::Failure::Invalid(error)) => Verdict::Dead(error.into()),
                Err(handler::Failure::Retry(error)) => Verdict::retry(for_operators(error)),
            });
        Ok(verdicts.collect())
    }

    /// Stores why a version failed for good. Later versions of the order wait.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        let order = &task.message.document;
        let failure = orders_domain::Failure {
            version: task.message.version,
            queue: keys::queue(order.status()).to_owned(),
            error: trouble.shown.clone(),
            attempts: task.delivery.attempt,
            failed_at: Timestamp::now(),
        };
        Ok(vec![orders_storage::failed(&order.order_id, failure)?])
    }
}

/// A failure whose reason only operators may read. The owner learns only that it failed.
fn for_operators(error: String) -> Trouble {
    Trouble {
        error,
        shown: "it could not be handled".to_owned(),
    }
}

/// A version, as the handler gets it.
fn input(task: &Task<'_>) -> serde_json::Result<handler::Order> {
    let Changed {
        version,
        previous_status,
        document,
    } = &task.message;
    Ok(handler::Order {
        order_id: document.order_id.to_string(),
        version: *version,
        status: document.status().into(),
        previous_status: previous_status.map(Into::into),
        content: orders_domain::event_data(document, *version, *previous_status)?,
        attempt: task.delivery.attempt,
    })
}

impl Processor {
    /// The effects of a handled version: its record and its notifications. Or the error
    /// in the handler's outcome.
    fn done(&self, task: &Task<'_>, outcome: handler::Outcome) -> Result<Vec<Effect>, String> {
        let Changed {
            version, document, ..
        } = &task.message;
        let now = Timestamp::now();
        let record = ProcessingRecord::processed(now, task.delivery.attempt, outcome.result)
            .map_err(|unusable| unusable.to_string())?;
        let record = orders_storage::processed(&document.order_id, *version, &record);
        let mut effects = vec![record.map_err(|error| error.to_string())?];
        for (nth, event) in outcome.events.iter().enumerate() {
            effects.push(self.told(task, nth, event)?);
        }
        Ok(effects)
    }

    /// The effect that publishes an event of a handler.
    fn told(&self, task: &Task<'_>, nth: usize, event: &handler::Event) -> Result<Effect, String> {
        let event = orders_domain::event(
            &task.message.document,
            task.message.version,
            nth,
            &event.kind,
            &event.data,
            &self.notification_source,
            &task.trace,
        )
        .map_err(|unusable| unusable.to_string())?;
        let published = match self.has_receivers {
            true => occurred_for_all(&event, &task.trace),
            false => occurred(&event, &task.trace),
        };
        published.map_err(|error| error.to_string())
    }
}

impl From<Status> for handler::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::Received => Self::Received,
            Status::Inprocess => Self::Inprocess,
            Status::Completed => Self::Completed,
            Status::Canceled => Self::Canceled,
        }
    }
}

//! From messages to their settlements.

use base::{Trace, log};
use orders_domain::{Message, Order, Unreadable};
use queue::{Delivery, Queue, Settlement};
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use worker::Next;

use crate::handler::{self, Failure};
use crate::settings::Settings;
use crate::task::Task;

/// The longest error that is kept, in bytes: it is the handler's to write.
const LONGEST_ERROR: usize = 1024;

/// What an owner is told of a failure that is not the order's: its reasons may name
/// what only operators should know of.
const UNABLE: &str = "it could not be handled";

pub(crate) struct Worker<'a> {
    pub(crate) queue: &'a Queue<'a, SpinRedis>,
    pub(crate) store: &'a SpinKeyValue,
    pub(crate) settings: &'a Settings,
}

impl Worker<'_> {
    /// Has the versions handled that messages are about, side by side.
    pub(crate) fn handle(&self, group: &[Delivery]) -> Result<Vec<Settlement>, base::Failure> {
        let mut settlements = Vec::new();
        let mut tasks = Vec::new();
        for delivery in group {
            match self.sort(delivery) {
                Ok(task) if task.delivery.attempt > self.settings.policy.attempts => {
                    let error = "every worker died while it handled the order";
                    settlements.push(self.fail(&task, error, UNABLE)?);
                }
                Ok(task) => tasks.push(task),
                Err(settlement) => settlements.push(settlement),
            }
        }
        if tasks.is_empty() {
            return Ok(settlements);
        }
        let inputs = tasks.iter().map(Task::input);
        let inputs: Vec<_> = inputs
            .collect::<Result<_, _>>()
            .map_err(|error| base::Failure::internal(error.to_string()))?;
        let mut outcomes = handler::handle(&inputs).into_iter();
        for task in &tasks {
            settlements.push(match outcomes.next() {
                Some(Ok(outcome)) => match task.done(outcome, self.settings) {
                    Ok(settlement) => {
                        let message = "a change of an order was processed";
                        log::info(&task.trace, message, task.fields(json!({})));
                        settlement
                    }
                    Err(unusable) => self.fail(task, &unusable, UNABLE)?,
                },
                Some(Err(Failure::Invalid(error))) => self.fail(task, &error, &error)?,
                Some(Err(Failure::Retry(error))) => self.retry(task, &error)?,
                None => self.retry(task, "the handler left the order out")?,
            });
        }
        Ok(settlements)
    }

    /// Makes sure that the order of a message is stored, and returns what is to be
    /// handled; or the settlement of a message where nothing is, or not yet.
    fn sort<'d>(&self, delivery: &'d Delivery) -> Result<Task<'d>, Settlement> {
        let settlement = Settlement::of(delivery);
        let message = Message::<Trace>::decode(&delivery.message).map_err(|error| {
            if let Unreadable::Newer(_) = error {
                // Another replica may know it, or this one when it is up to date.
                let delay = self.settings.policy.base_delay;
                let later = worker::postpone(self.queue, delivery, delay);
                return settlement.clone().with(later);
            }
            let error = error.to_string();
            let fields = json!({"error": error});
            log::error(&Trace::new(), "a message became a dead letter", fields);
            let dead = self.queue.bury(delivery, &error);
            settlement.clone().with(dead)
        })?;
        let order = message.document().clone();
        match message {
            Message::Record { trace, version, .. } => {
                Err(match self.repair(delivery, &trace, version, order) {
                    Ok(()) => settlement,
                    Err(postponed) => postponed,
                })
            }
            Message::Changed {
                trace,
                version,
                previous_status,
                document,
                ..
            } => {
                self.repair(delivery, &trace, version, order)?;
                Ok(Task {
                    delivery,
                    trace,
                    version,
                    previous: previous_status,
                    order: *document,
                })
            }
        }
    }

    /// Makes sure that a committed version is stored.
    fn repair(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        version: u64,
        order: Order,
    ) -> Result<(), Settlement> {
        let id = order.order_id.clone();
        match orders_storage::repair(self.store, version, order) {
            Ok(true) => {
                let fields = json!({"orderId": id, "version": version});
                let message = "an order was stored that its writer had not stored";
                log::info(trace, message, fields);
                Ok(())
            }
            Ok(false) => Ok(()),
            // The message may hold the only copy: it waits as long as it takes.
            Err(error) => {
                let fields = json!({"orderId": id, "version": version, "error": error.to_string()});
                log::warn(trace, "a change of an order is postponed", fields);
                let delay = self.settings.policy.base_delay;
                let later = worker::postpone(self.queue, delivery, delay);
                Err(Settlement::of(delivery).with(later))
            }
        }
    }

    /// A version that is tried again, unless it has had its last attempt.
    fn retry(&self, task: &Task<'_>, error: &str) -> Result<Settlement, base::Failure> {
        match worker::after_failure(self.queue, &self.settings.policy, task.delivery) {
            Next::Dead => self.fail(task, error, UNABLE),
            Next::Retry(delay, again) => {
                let more = json!({"error": shorten(error), "retryInMs": worker::millis(delay)});
                let message = "a change of an order is tried again later";
                log::warn(&task.trace, message, task.fields(more));
                Ok(Settlement::of(task.delivery).with(again))
            }
        }
    }

    /// A version that failed for good. The order's later ones wait. Its owner is
    /// told what `shown` says; the error is for the log and for operators.
    fn fail(&self, task: &Task<'_>, error: &str, shown: &str) -> Result<Settlement, base::Failure> {
        let (error, shown) = (shorten(error), shorten(shown));
        let message = "a change of an order failed, and its later ones wait";
        log::error(&task.trace, message, task.fields(json!({"error": error})));
        let dead = self.queue.bury(task.delivery, error);
        Ok(Settlement::of(task.delivery)
            .with(task.failed(shown)?)
            .with(dead))
    }
}

fn shorten(error: &str) -> &str {
    error
        .get(..error.floor_char_boundary(LONGEST_ERROR))
        .unwrap_or(error)
}

//! A version of an order that is to be handled, and what comes of it.

use base::{Trace, now_millis};
use orders_domain::{
    CloudEvent, Failure, NotificationMessage, Order, ProcessingRecord, Status, Timestamp, keys,
};
use queue::{Delivery, Effect, QueueNames, Settlement};
use serde_json::json;

use crate::handler::{self, Event, Outcome};
use crate::settings::Settings;

pub(crate) struct Task<'d> {
    pub(crate) delivery: &'d Delivery,
    pub(crate) trace: Trace,
    pub(crate) version: u64,
    pub(crate) previous: Option<Status>,
    pub(crate) order: Order,
}

impl Task<'_> {
    /// The task as the handler gets it.
    pub(crate) fn input(&self) -> serde_json::Result<handler::Order> {
        Ok(handler::Order {
            order_id: self.order.order_id.to_string(),
            version: self.version,
            status: self.order.status().into(),
            previous_status: self.previous.map(Into::into),
            content: orders_domain::event_data(&self.order, self.version, self.previous)?,
            attempt: self.delivery.attempt,
        })
    }

    /// The settlement of a version that is done, with its record and what is to
    /// be told of it; or what is wrong with the handler's answer.
    pub(crate) fn done(&self, outcome: Outcome, settings: &Settings) -> Result<Settlement, String> {
        let now = Timestamp::from_millis(now_millis());
        let attempts = self.delivery.attempt;
        let record = ProcessingRecord::processed(now, attempts, outcome.result)
            .map_err(|unusable| unusable.to_string())?;
        let id = &self.order.order_id;
        let record = orders_storage::processed(id, self.version, &record);
        let record = record.map_err(|error| error.to_string())?;
        let mut settlement = Settlement::of(self.delivery).with(record);
        let listeners = settings.has_listeners.then_some(outcome.events);
        for (nth, event) in listeners.into_iter().flatten().enumerate() {
            settlement = settlement.with(self.notification(nth, &event, settings)?);
        }
        Ok(settlement)
    }

    /// The effect that tells everybody of an event.
    fn notification(
        &self,
        nth: usize,
        event: &Event,
        settings: &Settings,
    ) -> Result<Effect, String> {
        let trace = self.trace.continued();
        let event = CloudEvent::new(
            &self.order,
            self.version,
            nth,
            &event.kind,
            &event.data,
            &settings.notification_source,
            trace.traceparent(),
        )
        .map_err(|unusable| unusable.to_string())?;
        let id = event.id().to_owned();
        let text = event.encode().map_err(|error| error.to_string())?;
        let message = NotificationMessage::new(trace, id, text).encode();
        let message = message.map_err(|error| error.to_string())?;
        Ok(QueueNames::new(keys::NOTIFICATIONS).send(message))
    }

    /// The effect that keeps why the version failed for good.
    pub(crate) fn failed(&self, error: &str) -> Result<Effect, base::Failure> {
        let failure = Failure {
            version: self.version,
            queue: keys::queue(self.order.status()).to_owned(),
            error: error.to_owned(),
            attempts: self.delivery.attempt,
            failed_at: Timestamp::from_millis(now_millis()),
        };
        let effect = orders_storage::failed(&self.order.order_id, failure);
        effect.map_err(|error| base::Failure::internal(error.to_string()))
    }

    /// What the log says about it.
    pub(crate) fn fields(&self, more: serde_json::Value) -> serde_json::Value {
        let mut fields = json!({
            "orderId": self.order.order_id,
            "status": self.order.status(),
            "version": self.version,
            "attempt": self.delivery.attempt,
        });
        if let (Some(fields), serde_json::Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        fields
    }
}

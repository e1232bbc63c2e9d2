//! Outcomes of deliveries: noted in memory, and written when their messages are settled.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base::{Failure, Timestamp};
use queue::Effect;
use stores::Redis;
use webhooks::{Attempt, Health, failed, noted, resent};

/// The notes of one call of the component.
pub(crate) struct Journal {
    /// How the receivers fare, by the ids of their endpoints.
    health: RefCell<BTreeMap<String, Health>>,
    /// Effects that the store does not have yet.
    effects: RefCell<Vec<Effect>>,
}

impl Journal {
    /// Begins with how the receivers fare now.
    pub(crate) fn open(redis: &impl Redis) -> Result<Self, Failure> {
        Ok(Self {
            health: webhooks::load_health(redis)?.into(),
            effects: RefCell::default(),
        })
    }

    /// Notes an attempt at an endpoint. `is_resent` says that an operator sent the event again.
    /// Returns whether the endpoint has failed for so long that it is given up.
    pub(crate) fn note(
        &self,
        endpoint: &str,
        attempt: &Attempt,
        is_resent: bool,
    ) -> Result<bool, Failure> {
        let now = Timestamp::now();
        let mut health = self.health.borrow_mut();
        let health = health.entry(endpoint.to_owned()).or_default();
        let mut effects = health.note(endpoint, attempt.delivered, now);
        effects.extend(noted(endpoint, attempt)?);
        if is_resent && attempt.delivered {
            effects.extend(resent(endpoint, &attempt.event, now));
        }
        self.effects.borrow_mut().extend(effects);
        Ok(health.is_lost(now))
    }

    /// Notes that an event is not sent to an endpoint that is off.
    pub(crate) fn note_off(&self, endpoint: &str, event: &str) {
        let effects = failed(endpoint, event, Timestamp::now());
        self.effects.borrow_mut().extend(effects);
    }

    /// The effects that write the notes.
    pub(crate) fn take(&self) -> Vec<Effect> {
        self.effects.take()
    }
}

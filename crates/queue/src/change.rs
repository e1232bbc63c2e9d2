//! What one commit does.

use std::time::Duration;

use crate::delivery::Delivery;
use crate::effect::Effect;
use crate::settlement::Settlement;
use crate::staged::Staged;

/// A change that happens whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub(crate) entity: Option<(String, u64)>,
    pub(crate) settled: Option<Settlement>,
    pub(crate) once: Option<Once>,
    pub(crate) staged: Option<Staged>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) effects: Vec<Effect>,
}

/// What is remembered under an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) keep: Duration,
}

impl Change {
    /// A change that so far does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        let Self {
            entity,
            settled,
            once,
            staged,
            messages,
            effects,
        } = self;
        entity.is_none()
            && settled.is_none()
            && once.is_none()
            && staged.is_none()
            && messages.is_empty()
            && effects.is_empty()
    }

    /// Raises an entity from `version` (0 for one that does not exist yet),
    /// and only if nobody has raised it before. `register` is the key that
    /// holds the entity's version.
    pub fn of_entity(mut self, register: impl Into<String>, version: u64) -> Self {
        self.entity = Some((register.into(), version));
        self
    }

    /// Settles the message that led to the change, and only if no other
    /// worker has settled it before.
    pub fn settling(mut self, delivery: &Delivery) -> Self {
        self.settled = Some(Settlement::of(delivery));
        self
    }

    /// Lets the change happen once for an idempotency key, for as long as it is
    /// kept. `value` is remembered with it and told to whoever tries again; it
    /// must not be empty. `key` must carry the queue's hash tag.
    pub fn once(
        mut self,
        key: impl Into<String>,
        value: impl Into<Vec<u8>>,
        keep: Duration,
    ) -> Self {
        self.once = Some(Once {
            key: key.into(),
            value: value.into(),
            keep,
        });
        self
    }

    /// Publishes messages that were staged before.
    pub fn publishing_staged(mut self, staged: Staged) -> Self {
        self.staged = Some(staged);
        self
    }

    /// Publishes a message.
    pub fn publishing(mut self, message: impl Into<Vec<u8>>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// Adds an effect.
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Adds effects.
    pub fn with_all(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Committed,
    /// Somebody else has raised the entity to this version: nothing happened.
    /// Read the entity again and decide anew.
    Conflict {
        /// The version that the entity has now.
        version: u64,
    },
    /// Another worker has settled the message: nothing happened.
    AlreadySettled,
    /// The idempotency key has been used: nothing happened.
    Duplicate {
        /// What was remembered when it was.
        value: Vec<u8>,
    },
}

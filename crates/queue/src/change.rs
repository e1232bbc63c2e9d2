//! Changes: the writes of one commit, and its outcome.

use std::time::Duration;

use crate::delivery::Delivery;
use crate::effect::Effect;
use crate::settlement::Settlement;
use crate::staged::Staged;

/// Writes that happen together or not at all. The default does nothing.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub(crate) entity: Option<(String, u64)>,
    pub(crate) settled: Option<Settlement>,
    pub(crate) once: Option<Once>,
    pub(crate) staged: Option<Staged>,
    pub(crate) kept: Option<String>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) effects: Vec<Effect>,
}

/// A value that is remembered under an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) keep: Duration,
}

impl Change {
    /// A change that does nothing yet.
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
            kept: _,
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

    /// Raises an entity from `version` (0 for a new one), and only if no other writer
    /// raised it before. `register` is the Redis key of the entity's version.
    pub fn of_entity(mut self, register: impl Into<String>, version: u64) -> Self {
        self.entity = Some((register.into(), version));
        self
    }

    /// Settles the message that led to the change, and only if no other worker settled
    /// it before.
    pub fn settling(mut self, delivery: &Delivery) -> Self {
        self.settled = Some(Settlement::of(delivery));
        self
    }

    /// Lets the change happen once for the idempotency key `key`, which carries the
    /// queue's hash tag. `value`, which is not empty, is remembered for the time `keep`:
    /// a repeated change gets it as [`Outcome::Duplicate`].
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

    /// Publishes staged messages.
    pub fn publishing_staged(mut self, staged: Staged) -> Self {
        self.staged = Some(staged);
        self
    }

    /// Keeps staged messages under `key`, which carries the queue's hash tag, until
    /// [`QueueNames::send_all`](crate::QueueNames::send_all) publishes them. The key does
    /// not expire by itself.
    pub fn keeping_staged(mut self, staged: Staged, key: impl Into<String>) -> Self {
        self.staged = Some(staged);
        self.kept = Some(key.into());
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

/// The outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Committed,
    /// Another writer raised the entity: nothing happened. Read the entity again and
    /// decide anew.
    Conflict {
        /// The version that the entity has now.
        version: u64,
    },
    /// Another worker settled the message: nothing happened.
    AlreadySettled,
    /// The idempotency key was used before: nothing happened.
    Duplicate {
        /// The value that was remembered with it.
        value: Vec<u8>,
    },
}

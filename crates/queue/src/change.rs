//! What one commit does.

use std::time::Duration;

/// A change that happens whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub(crate) entity: Option<(String, u64)>,
    pub(crate) settled: Option<String>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) effects: Vec<Effect>,
}

impl Change {
    /// A change that so far does nothing.
    pub fn new() -> Self {
        Self::default()
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
    pub fn settling(mut self, message_id: impl Into<String>) -> Self {
        self.settled = Some(message_id.into());
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

/// A write that belongs to a change. Keys must carry the queue's hash tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Puts a member into a sorted set, or gives it a new score.
    Index {
        /// The sorted set.
        key: String,
        /// The member.
        member: String,
        /// Its score.
        score: f64,
    },
    /// Takes a member out of a sorted set.
    Unindex {
        /// The sorted set.
        key: String,
        /// The member.
        member: String,
    },
    /// Delivers a message (again) after a delay.
    Delay {
        /// The queue's sorted set of delayed messages.
        key: String,
        /// The entry: a unique id, the failures so far and the message.
        entry: Vec<u8>,
        /// When it is due, in milliseconds since the Unix epoch.
        due: u64,
        /// How long that is from now.
        delay: Duration,
    },
    /// Puts a message away as a dead letter.
    Bury {
        /// The queue's stream of dead letters.
        key: String,
        /// The message.
        message: Vec<u8>,
        /// Why its last attempt failed.
        error: String,
        /// How many attempts it had.
        attempts: u32,
        /// When it died, in milliseconds since the Unix epoch.
        at: u64,
    },
}

impl Effect {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Index { key, .. }
            | Self::Unindex { key, .. }
            | Self::Delay { key, .. }
            | Self::Bury { key, .. } => key,
        }
    }

    /// The effect as the commands of the script.
    pub(crate) fn commands(&self) -> Vec<Vec<Vec<u8>>> {
        let command = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        match self {
            Self::Index { key, member, score } => vec![command(&[
                b"ZADD",
                key.as_bytes(),
                score.to_string().as_bytes(),
                member.as_bytes(),
            ])],
            Self::Unindex { key, member } => {
                vec![command(&[b"ZREM", key.as_bytes(), member.as_bytes()])]
            }
            Self::Delay {
                key,
                entry,
                due,
                delay,
            } => vec![
                command(&[b"ZADD", key.as_bytes(), due.to_string().as_bytes(), entry]),
                command(&[b"ALARM", delay.as_millis().max(1).to_string().as_bytes()]),
            ],
            Self::Bury {
                key,
                message,
                error,
                attempts,
                at,
            } => vec![command(&[
                b"XADD",
                key.as_bytes(),
                b"*",
                b"m",
                message,
                b"error",
                error.as_bytes(),
                b"attempts",
                attempts.to_string().as_bytes(),
                b"at",
                at.to_string().as_bytes(),
            ])],
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

//! Writes that belong to a change.

use std::time::Duration;

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
    /// Sets fields of a hash.
    Set {
        /// The hash.
        key: String,
        /// Names and values; at least one.
        fields: Vec<(String, Vec<u8>)>,
    },
    /// Sets or clears a bit of a bitmap.
    Bit {
        /// The bitmap.
        key: String,
        /// Which bit, from 0.
        at: u32,
        /// Whether it is set.
        on: bool,
    },
    /// Sets a field of a hash to what another key counts when all other effects
    /// have happened, so that it is right however often any of them did.
    Tally {
        /// The hash.
        key: String,
        /// The field.
        field: String,
        /// What is counted.
        what: Tallied,
        /// The key in which it is counted.
        of: String,
    },
    /// Removes a key; one that is not there is no error.
    Remove {
        /// The key.
        key: String,
    },
    /// Lets a key go away by itself.
    Expire {
        /// The key.
        key: String,
        /// How long it stays from now.
        after: Duration,
    },
    /// Publishes a message, also on another queue of the same group:
    /// [`QueueNames::send`](crate::QueueNames::send).
    Send {
        /// The queue's stream.
        stream: String,
        /// The message.
        message: Vec<u8>,
        /// The line that it is in.
        line: Option<Line>,
    },
    /// Delivers a message (again) after a delay.
    Delay {
        /// The queue's sorted set of delayed messages.
        key: String,
        /// The entry: a unique id, the failures so far, the line and the message.
        entry: Vec<u8>,
        /// How long from now.
        delay: Duration,
        /// What this is counted as in the queue's statistics, if anything.
        counted: Option<Count>,
        /// Whether the message's line waits for it.
        holds: bool,
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
        /// The line that it is in.
        line: Option<String>,
    },
}

/// The line that a message is in: messages of a line are delivered one after the
/// other, each when the one before it is settled for good. A dead letter holds
/// up those after it until it is sent back and done, or thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The Redis key of the line.
    pub key: String,
    /// What is published at once, on the same queue, should the message have to wait.
    pub ahead: Option<Vec<u8>>,
}

impl Effect {
    /// The keys that it reads or changes.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let (key, other) = match self {
            Self::Index { key, .. }
            | Self::Unindex { key, .. }
            | Self::Set { key, .. }
            | Self::Bit { key, .. }
            | Self::Remove { key }
            | Self::Expire { key, .. }
            | Self::Delay { key, .. } => (key, None),
            Self::Tally { key, of, .. } => (key, Some(of)),
            Self::Bury { key, line, .. } => (key, line.as_ref()),
            Self::Send { stream, line, .. } => (stream, line.as_ref().map(|line| &line.key)),
        };
        std::iter::once(key.as_str()).chain(other.map(String::as_str))
    }

    /// Whether this is what becomes of the message that is settled, so that its
    /// line has to wait.
    pub(crate) fn keeps_line(&self) -> bool {
        match self {
            Self::Delay { holds, .. } => *holds,
            Self::Bury { line, .. } => line.is_some(),
            _ => false,
        }
    }

    /// The effect as a command of the scripts.
    pub(crate) fn command(&self) -> Vec<Vec<u8>> {
        let command = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        match self {
            Self::Index { key, member, score } => command(&[
                b"ZADD",
                key.as_bytes(),
                score.to_string().as_bytes(),
                member.as_bytes(),
            ]),
            Self::Unindex { key, member } => command(&[b"ZREM", key.as_bytes(), member.as_bytes()]),
            Self::Set { key, fields } => {
                let mut words = command(&[b"HSET", key.as_bytes()]);
                for (name, value) in fields {
                    words.extend([name.as_bytes().to_vec(), value.clone()]);
                }
                words
            }
            Self::Bit { key, at, on } => command(&[
                b"SETBIT",
                key.as_bytes(),
                at.to_string().as_bytes(),
                if *on { b"1" } else { b"0" },
            ]),
            Self::Tally {
                key,
                field,
                what,
                of,
            } => command(&[
                b"TALLY",
                key.as_bytes(),
                field.as_bytes(),
                what.command(),
                of.as_bytes(),
            ]),
            Self::Remove { key } => command(&[b"DEL", key.as_bytes()]),
            Self::Expire { key, after } => {
                command(&[b"PEXPIRE", key.as_bytes(), millis(after).as_bytes()])
            }
            Self::Send {
                stream,
                message,
                line,
            } => command(&[
                b"SEND",
                stream.as_bytes(),
                line.as_ref().map_or(&[][..], |line| line.key.as_bytes()),
                message,
                line.as_ref()
                    .and_then(|line| line.ahead.as_deref())
                    .unwrap_or_default(),
            ]),
            Self::Delay {
                key,
                entry,
                delay,
                counted,
                ..
            } => command(&[
                b"DELAY",
                key.as_bytes(),
                entry,
                millis(delay).as_bytes(),
                counted.map_or(&[][..], Count::name),
            ]),
            Self::Bury {
                key,
                message,
                error,
                attempts,
                line,
            } => command(&[
                b"BURY",
                key.as_bytes(),
                message,
                error.as_bytes(),
                attempts.to_string().as_bytes(),
                line.as_deref().unwrap_or_default().as_bytes(),
            ]),
        }
    }
}

/// What can be counted of a key at once, however much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tallied {
    /// The fields of a hash.
    Fields,
    /// The bits of a bitmap that are set.
    Bits,
}

impl Tallied {
    fn command(self) -> &'static [u8] {
        match self {
            Self::Fields => b"HLEN",
            Self::Bits => b"BITCOUNT",
        }
    }
}

/// A time that is still to come, for Redis.
fn millis(duration: &Duration) -> String {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    millis.clamp(1, LONGEST_MS).to_string()
}

/// About three centuries: what is added to the time of day must not overflow.
const LONGEST_MS: i64 = 10_000_000_000_000;

/// What a delivery after a delay is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The message failed and is tried again.
    Retried,
    /// The message waits for something else.
    Postponed,
}

impl Count {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Retried => b"retried",
            Self::Postponed => b"postponed",
        }
    }
}

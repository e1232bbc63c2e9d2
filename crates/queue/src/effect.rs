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
    /// Lets a key go away by itself.
    Expire {
        /// The key.
        key: String,
        /// How long it stays from now.
        after: Duration,
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
        /// What this is counted as in the queue's statistics, if anything.
        counted: Option<Count>,
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
            | Self::Set { key, .. }
            | Self::Bit { key, .. }
            | Self::Expire { key, .. }
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
            Self::Set { key, fields } => {
                let mut words = command(&[b"HSET", key.as_bytes()]);
                for (name, value) in fields {
                    words.extend([name.as_bytes().to_vec(), value.clone()]);
                }
                vec![words]
            }
            Self::Bit { key, at, on } => vec![command(&[
                b"SETBIT",
                key.as_bytes(),
                at.to_string().as_bytes(),
                if *on { b"1" } else { b"0" },
            ])],
            Self::Expire { key, after } => vec![command(&[
                b"PEXPIRE",
                key.as_bytes(),
                after.as_millis().max(1).to_string().as_bytes(),
            ])],
            Self::Delay {
                key,
                entry,
                due,
                delay,
                counted,
            } => {
                let mut commands = vec![
                    command(&[b"ZADD", key.as_bytes(), due.to_string().as_bytes(), entry]),
                    command(&[b"ALARM", delay.as_millis().max(1).to_string().as_bytes()]),
                ];
                commands.extend(counted.map(|count| command(&[b"COUNT", count.name()])));
                commands
            }
            Self::Bury {
                key,
                message,
                error,
                attempts,
                at,
            } => vec![
                command(&[
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
                ]),
                command(&[b"COUNT", b"dead"]),
            ],
        }
    }
}

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

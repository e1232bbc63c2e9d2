//! Effects: writes that belong to a change.

use std::borrow::Cow;
use std::time::Duration;

/// The words of a command.
pub(crate) type Command<'a> = Vec<Cow<'a, [u8]>>;

/// A write that belongs to a change. Its keys carry the queue's hash tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Adds a member to a sorted set, or gives it a new score.
    Index {
        /// The sorted set.
        key: String,
        /// The member.
        member: String,
        /// Its score.
        score: f64,
    },
    /// Removes a member from a sorted set.
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
    /// Removes a field of a hash; a missing field is no error.
    Unset {
        /// The hash.
        key: String,
        /// The field.
        field: String,
    },
    /// Adds numbers to fields of a hash, which count from 0. A field that becomes 0 is
    /// removed. The numbers of a field that are added at once make less than 2⁵³.
    Add {
        /// The hash.
        key: String,
        /// Fields and the number to add to each; at least one.
        fields: Vec<(String, i64)>,
    },
    /// Appends a value to a stream that keeps the latest ones, as the field `d` of an entry.
    Append {
        /// The stream.
        key: String,
        /// The value.
        value: Vec<u8>,
        /// The max entries that are kept.
        max: u32,
    },
    /// Removes the members with the lowest scores of a sorted set, so that few enough are left.
    Trim {
        /// The sorted set.
        key: String,
        /// The max members that are left, at least 1.
        max: u32,
    },
    /// Keeps a value under an id, if none is kept under it, and forgets the oldest values that
    /// are too many. See [`Keeping`].
    Keep {
        /// The hash of the values by their ids. `:labels`, `:times` and `:bytes` after it are
        /// the hash of their labels, the sorted set of their times in ms, and their size.
        key: String,
        /// The id.
        id: String,
        /// The label, a short text beside the value.
        label: String,
        /// The value.
        value: Vec<u8>,
        /// How much is kept.
        keeping: Keeping,
    },
    /// Sets or clears a bit of a bitmap.
    Bit {
        /// The bitmap.
        key: String,
        /// The offset of the bit, from 0.
        at: u32,
        /// Whether it is set.
        on: bool,
    },
    /// Sets a field of a hash to the count of another key after all other effects. So
    /// effects that are repeated do not count twice.
    Tally {
        /// The hash.
        key: String,
        /// The field.
        field: String,
        /// The unit of the count.
        what: Tallied,
        /// The key that is counted.
        of: String,
    },
    /// Publishes a message once two counts of a hash are equal, after all tallies, if a
    /// sorted set has one of some members.
    Complete {
        /// The counts.
        of: Completion,
        /// The sorted set.
        set: String,
        /// The members, at least one.
        members: Vec<String>,
        /// The stream of a queue.
        stream: String,
        /// The message.
        message: Vec<u8>,
    },
    /// Removes a key; a missing key is no error.
    Remove {
        /// The key.
        key: String,
    },
    /// Lets a key expire.
    Expire {
        /// The key.
        key: String,
        /// The time from now, 1 ms or more.
        after: Duration,
    },
    /// Publishes a message, on any queue of the same hash tag:
    /// [`QueueNames::send`](crate::QueueNames::send).
    Send {
        /// The queue's stream.
        stream: String,
        /// The message.
        message: Vec<u8>,
        /// Its message group, if it is in one.
        group: Option<Group>,
        /// Publishes it only if no message was published under the same key before.
        once: Option<Once>,
    },
    /// Publishes a message if a sorted set has one of some members: a message without a
    /// receiver costs a look and no more. The set and the queue may be of another hash tag
    /// than the change, which a Redis cluster would not take.
    SendIfAny {
        /// The sorted set.
        set: String,
        /// The members, at least one.
        members: Vec<String>,
        /// The queue's stream.
        stream: String,
        /// The message.
        message: Vec<u8>,
    },
    /// Publishes the messages of a list, in their order, and removes it:
    /// [`QueueNames::send_all`](crate::QueueNames::send_all).
    SendAll {
        /// The queue's stream.
        stream: String,
        /// The list.
        list: String,
    },
    /// Removes some members of a sorted set whose keys are gone: those that expire leave no
    /// more behind than there are others.
    Sweep {
        /// The sorted set.
        key: String,
        /// The prefix of the member's key; the member follows.
        prefix: String,
    },
    /// Sends dead letters back that are in no message group:
    /// [`QueueNames::redrive`](crate::QueueNames::redrive).
    Redrive {
        /// The queue's stream.
        stream: String,
        /// The queue's stream of dead letters.
        dead: String,
        /// Where they are noted.
        noted: Noted,
    },
    /// Delivers a message after a delay.
    Delay {
        /// The queue's sorted set of delayed messages.
        key: String,
        /// The entry: a unique id, the failures so far, the message group and the message.
        entry: Vec<u8>,
        /// The time from now, 1 ms or more.
        delay: Duration,
        /// The counter of the queue's statistics that this raises, if any.
        counted: Option<Count>,
        /// Whether the message's group waits for it.
        holds_group: bool,
    },
    /// Makes a message a dead letter.
    DeadLetter {
        /// The queue's stream of dead letters.
        key: String,
        /// The message.
        message: Vec<u8>,
        /// Why its last attempt failed.
        error: String,
        /// The number of its attempts.
        attempts: u32,
        /// The Redis key of the message group that waits for it, if one does.
        group: Option<String>,
        /// The hash and the field that its id is noted in, if it is.
        noted: Option<(String, String)>,
    },
}

/// Two counts of a hash that are equal in the end, such as the finished parts of a job and all
/// of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The hash.
    pub key: String,
    /// The fields of the counts.
    pub counts: [String; 2],
    /// The field that notes that they were equal: then nothing happens any more until the
    /// field is removed.
    pub noted: String,
    /// The field of a hash that is not looked at.
    pub unless: String,
}

/// Limits of kept values; the limit that is reached first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The max number of values.
    pub count: u32,
    /// The max size of all values, in bytes.
    pub bytes: u32,
    /// The time that a value is kept.
    pub time: Duration,
}

/// The keys that hold ids of dead letters and the stored results of their work. All keys carry
/// the queue's hash tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The hash of the ids, whose fields are whole numbers.
    pub letters: String,
    /// A hash whose fields of the same names are removed.
    pub outcomes: String,
    /// A bitmap whose bits of the same numbers are cleared.
    pub failed: String,
    /// The hash and the field that get the number of letters that were sent back.
    pub count: (String, String),
}

/// The key that a message is published under once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The key, which carries the queue's hash tag.
    pub key: String,
    /// The time that it is remembered, 1 ms or more.
    pub keep: Duration,
}

/// A message group: its messages are delivered one after the other, each after the one
/// before it is settled and not retried. A dead letter holds up those after it until it
/// is sent back and done, or thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The Redis key of the group.
    pub key: String,
    /// A message that is published at once, on the same queue and in no group, if the
    /// message of the group has to wait.
    pub ahead: Option<Vec<u8>>,
}

impl Effect {
    /// Notes the id of the dead letter that the effect makes in a field of a hash, if one is
    /// given. Another effect stays as it is.
    pub fn noted_in(mut self, place: Option<(String, String)>) -> Self {
        if let Self::DeadLetter { noted, .. } = &mut self {
            *noted = place;
        }
        self
    }

    /// The keys that the effect reads or changes.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let mut others = [None; 5];
        let key = match self {
            Self::Index { key, .. }
            | Self::Unindex { key, .. }
            | Self::Set { key, .. }
            | Self::Unset { key, .. }
            | Self::Add { key, .. }
            | Self::Append { key, .. }
            | Self::Trim { key, .. }
            | Self::Keep { key, .. }
            | Self::Bit { key, .. }
            | Self::Remove { key }
            | Self::Expire { key, .. }
            | Self::Sweep { key, .. }
            | Self::Delay { key, .. } => key,
            Self::Tally { key, of, .. } => {
                others[0] = Some(of);
                key
            }
            Self::DeadLetter {
                key, group, noted, ..
            } => {
                others[0] = group.as_ref();
                others[1] = noted.as_ref().map(|(hash, _)| hash);
                key
            }
            Self::Complete {
                of, set, stream, ..
            } => {
                others[0] = Some(set);
                others[1] = Some(stream);
                &of.key
            }
            Self::SendIfAny { set, stream, .. } => {
                others[0] = Some(stream);
                set
            }
            Self::SendAll { stream, list } => {
                others[0] = Some(list);
                stream
            }
            Self::Redrive {
                stream,
                dead,
                noted,
            } => {
                others = [
                    Some(dead),
                    Some(&noted.letters),
                    Some(&noted.outcomes),
                    Some(&noted.failed),
                    Some(&noted.count.0),
                ];
                stream
            }
            Self::Send {
                stream,
                group,
                once,
                ..
            } => {
                others[0] = group.as_ref().map(|group| &group.key);
                others[1] = once.as_ref().map(|once| &once.key);
                stream
            }
        };
        let others = others.into_iter().flatten();
        std::iter::once(key).chain(others).map(String::as_str)
    }

    /// Whether the group of the settled message waits for this message's retry or dead
    /// letter.
    pub(crate) fn holds_group(&self) -> bool {
        match self {
            Self::Delay { holds_group, .. } => *holds_group,
            Self::DeadLetter { group, .. } => group.is_some(),
            _ => false,
        }
    }

    /// The effect as a command of the scripts.
    pub(crate) fn command(&self) -> Command<'_> {
        let command = |words: &[&[u8]]| -> Command<'_> {
            words.iter().map(|word| Cow::Owned(word.to_vec())).collect()
        };
        match self {
            Self::Index { key, member, score } => command(&[
                b"ZADD",
                key.as_bytes(),
                score.to_string().as_bytes(),
                member.as_bytes(),
            ]),
            Self::Unindex { key, member } => command(&[b"ZREM", key.as_bytes(), member.as_bytes()]),
            Self::Set { key, fields } => {
                // Borrowed: the outcomes of a batch are many.
                let mut words = vec![Cow::Borrowed(&b"HSET"[..]), key.as_bytes().into()];
                for (name, value) in fields {
                    words.extend([Cow::Borrowed(name.as_bytes()), value.into()]);
                }
                words
            }
            Self::Unset { key, field } => command(&[b"HDEL", key.as_bytes(), field.as_bytes()]),
            Self::Add { key, fields } => {
                let mut words = command(&[b"ADD", key.as_bytes()]);
                for (name, by) in fields {
                    words.extend([name.as_bytes().into(), by.to_string().into_bytes().into()]);
                }
                words
            }
            Self::Append { key, value, max } => command(&[
                b"XADD",
                key.as_bytes(),
                b"MAXLEN",
                max.to_string().as_bytes(),
                b"*",
                b"d",
                value,
            ]),
            Self::Trim { key, max } => command(&[
                b"ZREMRANGEBYRANK",
                key.as_bytes(),
                b"0",
                format!("-{}", u64::from(*max) + 1).as_bytes(),
            ]),
            Self::Keep {
                key,
                id,
                label,
                value,
                keeping,
            } => command(&[
                b"KEEP",
                key.as_bytes(),
                id.as_bytes(),
                label.as_bytes(),
                value,
                keeping.count.to_string().as_bytes(),
                keeping.bytes.to_string().as_bytes(),
                millis(&keeping.time).as_bytes(),
            ]),
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
            Self::Complete {
                of,
                set,
                members,
                stream,
                message,
            } => {
                let [done, total] = &of.counts;
                let names = [&of.key, done, total, &of.noted, &of.unless, set, stream];
                let mut words = vec![b"COMPLETE".as_slice()];
                words.extend(names.map(|name| name.as_bytes()));
                words.push(message);
                words.extend(members.iter().map(String::as_bytes));
                command(&words)
            }
            Self::Remove { key } => command(&[b"DEL", key.as_bytes()]),
            Self::Expire { key, after } => {
                command(&[b"PEXPIRE", key.as_bytes(), millis(after).as_bytes()])
            }
            Self::Send {
                stream,
                message,
                group,
                once,
            } => command(&[
                b"SEND",
                stream.as_bytes(),
                group.as_ref().map_or(&[][..], |group| group.key.as_bytes()),
                message,
                group
                    .as_ref()
                    .and_then(|group| group.ahead.as_deref())
                    .unwrap_or_default(),
                once.as_ref().map_or(&[][..], |once| once.key.as_bytes()),
                once.as_ref()
                    .map_or(String::new(), |once| millis(&once.keep))
                    .as_bytes(),
            ]),
            Self::SendIfAny {
                set,
                members,
                stream,
                message,
            } => {
                let mut words =
                    command(&[b"SENDIFANY", set.as_bytes(), stream.as_bytes(), message]);
                words.extend(members.iter().map(|member| member.as_bytes().into()));
                words
            }
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
            Self::DeadLetter {
                key,
                message,
                error,
                attempts,
                group,
                noted,
            } => command(&[
                b"DEAD",
                key.as_bytes(),
                message,
                error.as_bytes(),
                attempts.to_string().as_bytes(),
                group.as_deref().unwrap_or_default().as_bytes(),
                noted.as_ref().map_or("", |(hash, _)| hash).as_bytes(),
                noted.as_ref().map_or("", |(_, field)| field).as_bytes(),
            ]),
            Self::SendAll { stream, list } => {
                command(&[b"SENDALL", stream.as_bytes(), list.as_bytes()])
            }
            Self::Sweep { key, prefix } => command(&[b"SWEEP", key.as_bytes(), prefix.as_bytes()]),
            Self::Redrive {
                stream,
                dead,
                noted,
            } => command(&[
                b"REDRIVE",
                stream.as_bytes(),
                dead.as_bytes(),
                noted.letters.as_bytes(),
                noted.outcomes.as_bytes(),
                noted.failed.as_bytes(),
                noted.count.0.as_bytes(),
                noted.count.1.as_bytes(),
            ]),
        }
    }
}

/// Counts that Redis knows of a key without reading it all.
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

/// A time from now in ms, for Redis: 1 or more, for an expiry of 0 is refused.
fn millis(duration: &Duration) -> String {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    millis.clamp(1, MAX_MS).to_string()
}

/// About three centuries: the sum with the time of day must not overflow.
const MAX_MS: i64 = 10_000_000_000_000;

/// The counter that a delayed delivery raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The message failed and is tried again.
    Retried,
    /// The message did not fail, but waits for something else.
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

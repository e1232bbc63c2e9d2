//! Dead letters: messages whose last attempt failed. They stay until an operator sends
//! them back or throws them away.

use std::fmt;
use std::str::FromStr;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::lua;
use crate::queue::{Queue, count};
use crate::script::{EFFECTS, FIELDS, LETTERS, QUEUES, Script};

static DEAD_LETTERS: Script = Script::new(&[FIELDS, lua!("lua/dead_letters.lua")]);
static REDRIVE: Script = Script::new(&[FIELDS, QUEUES, LETTERS, lua!("lua/redrive.lua")]);
static DISCARD: Script = Script::new(&[FIELDS, QUEUES, EFFECTS, LETTERS, lua!("lua/discard.lua")]);

/// The bytes of messages after which a page ends, to fit into a component's memory.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// The max letters that one call of a script takes: other clients of Redis wait for it.
const MAX_PICKED: usize = 100;

/// The id of a dead letter: that of its entry in the Redis stream, `<ms>-<sequence>`.
/// Ids are in the order in which the messages became dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId {
    millis: u64,
    sequence: u64,
}

/// The error of a text that is no id of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLetterId;

impl FromStr for LetterId {
    type Err = NoLetterId;

    fn from_str(text: &str) -> Result<Self, NoLetterId> {
        let number = |digits: &str| digits.parse().map_err(|_| NoLetterId);
        let (millis, sequence) = text.split_once('-').ok_or(NoLetterId)?;
        let id = Self {
            millis: number(millis)?,
            sequence: number(sequence)?,
        };
        // Only the form that Redis writes, so that each id has one.
        (id.to_string() == text).then_some(id).ok_or(NoLetterId)
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

/// A message whose last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id among the dead letters.
    pub id: LetterId,
    /// The message as it was published.
    pub message: Vec<u8>,
    /// Why the last attempt failed.
    pub error: String,
    /// The number of its attempts.
    pub attempts: u64,
    /// The time of that failure, in milliseconds since the Unix epoch.
    pub died_at: u64,
}

/// A page of a queue's dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadPage {
    /// The number of all dead letters of the queue.
    pub total: u64,
    /// The letters of the page, the oldest first.
    pub letters: Vec<DeadLetter>,
    /// Whether others follow them.
    pub more: bool,
}

/// The result of sending dead letters back, or of throwing them away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// The number of letters that were sent back or thrown away.
    pub count: u64,
    /// The ids that were not found: unknown, or sent back or thrown away before.
    pub missing: Vec<LetterId>,
}

impl<R: Redis> Queue<'_, R> {
    /// Reads up to `max` dead letters (1 or more) after the letter `after`, or from the
    /// oldest on. A page ends earlier after 4 MiB of messages.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn dead_letters(&self, after: Option<LetterId>, max: usize) -> Result<DeadPage, Failure> {
        let start = after.map_or_else(
            || "-".to_owned(),
            |LetterId { millis, sequence }| format!("{millis}-{}", sequence.saturating_add(1)),
        );
        let args = [Arg::from(&start), count(max.max(1)), Arg::Int(PAGE_BYTES)];
        let reply = DEAD_LETTERS.run(self.redis(), &[&self.names().dead], &args)?;
        let mut reply = reply.into_iter();
        let mut page = DeadPage {
            total: number(reply.next().as_ref()),
            more: number(reply.next().as_ref()) == 1,
            letters: Vec::new(),
        };
        while let (Some(id), Some(message), Some(error), Some(attempts), Some(at)) = (
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
        ) {
            page.letters.push(DeadLetter {
                id: letter_id(&id)?,
                message: message.into_bytes(),
                error: String::from_utf8_lossy(&error.into_bytes()).into_owned(),
                attempts: number(Some(&attempts)),
                died_at: number(Some(&at)),
            });
        }
        Ok(page)
    }

    /// Sends dead letters back to the queue as messages that never failed, and notifies a
    /// worker. Each is sent back once, also when others send it back at the same time.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses. Up to a hundred letters are sent back whole or
    /// not at all; of more, some may have been.
    pub fn redrive(&self, ids: &[LetterId]) -> Result<Picked, Failure> {
        self.pick(&REDRIVE, ids)
    }

    /// Sends all dead letters back, as [`Queue::redrive`] does. Messages that become dead
    /// letters meanwhile stay.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses; some may have been sent back.
    pub fn redrive_all(&self) -> Result<Picked, Failure> {
        self.pick_all(&REDRIVE)
    }

    /// Throws a dead letter away; the next message of its group is then delivered.
    /// Returns whether the letter was there.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn discard(&self, id: LetterId) -> Result<bool, Failure> {
        Ok(self.discard_many(&[id])?.count == 1)
    }

    /// Throws dead letters away, each as [`Queue::discard`] does.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses. Up to a hundred letters are thrown away, or none;
    /// of more, some may have been.
    pub fn discard_many(&self, ids: &[LetterId]) -> Result<Picked, Failure> {
        self.pick(&DISCARD, ids)
    }

    /// Throws all dead letters away, as [`Queue::discard`] does. Messages that become dead
    /// letters meanwhile stay.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses; some may have been thrown away.
    pub fn discard_all(&self) -> Result<Picked, Failure> {
        self.pick_all(&DISCARD)
    }

    fn pick(&self, script: &Script, ids: &[LetterId]) -> Result<Picked, Failure> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut all = Picked::default();
        for chunk in ids.chunks(MAX_PICKED) {
            let ids: Vec<_> = chunk.iter().map(LetterId::to_string).collect();
            let mut args = vec![Arg::from("these")];
            args.extend(ids.iter().map(Arg::from));
            let picked = self.pick_chunk(script, &args)?;
            all.count += picked.count;
            all.missing.extend(picked.missing);
        }
        Ok(all)
    }

    fn pick_all(&self, script: &Script) -> Result<Picked, Failure> {
        let newest = [
            Arg::from(&self.names().dead),
            Arg::from("+"),
            Arg::from("-"),
            Arg::from("COUNT"),
            Arg::Int(1),
        ];
        let reply = self.redis().call("XREVRANGE", &newest)?;
        let mut all = Picked::default();
        let Some(newest) = reply.first().and_then(Value::as_str) else {
            return Ok(all);
        };
        let args = [Arg::from("all"), Arg::from(newest), count(MAX_PICKED)];
        loop {
            let picked = self.pick_chunk(script, &args)?;
            if picked.count == 0 {
                return Ok(all);
            }
            all.count += picked.count;
        }
    }

    fn pick_chunk(&self, script: &Script, which: &[Arg<'_>]) -> Result<Picked, Failure> {
        let names = self.names();
        let mut args = vec![Arg::from(self.notifier())];
        args.extend_from_slice(which);
        let reply = script.run(self.redis(), &[&names.stream, &names.dead], &args)?;
        let missing = usize::try_from(number(reply.get(1))).unwrap_or_default();
        let (missing, notified) = reply
            .get(2..)
            .unwrap_or_default()
            .split_at_checked(missing)
            .unwrap_or_default();
        self.note_notified(notified);
        Ok(Picked {
            count: number(reply.first()),
            missing: missing.iter().map(letter_id).collect::<Result<_, _>>()?,
        })
    }
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_int).unwrap_or(0).unsigned_abs()
}

fn letter_id(value: &Value) -> Result<LetterId, Failure> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::unavailable("Redis", "a dead letter has no id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        for text in ["0-1", "1795330800000-0", "18446744073709551615-7"] {
            let id: LetterId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_text_that_redis_does_not_write_is_no_id() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-0",
            "01-0",
            "1-00",
            "1-0-0",
            "1-x",
            " 1-0",
            "(1-0",
            "18446744073709551616-0",
        ] {
            assert_eq!(text.parse::<LetterId>(), Err(NoLetterId), "{text}");
        }
    }

    #[test]
    fn ids_are_in_the_order_of_time() {
        let id = |text: &str| text.parse::<LetterId>().unwrap();
        assert!(id("9-5") < id("10-1") && id("10-1") < id("10-2"));
    }
}

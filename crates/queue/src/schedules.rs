//! The state of schedules in Redis: a state for each, which only its reader understands, and
//! one timer for those of a hash tag.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::lua;
use crate::names::QueueNames;
use crate::queue::{Queue, millis};
use crate::script::{EFFECTS, QUEUES, Script};

static STATES: Script = Script::new(&[lua!("lua/schedules.lua")]);
static MOVE: Script = Script::new(&[QUEUES, EFFECTS, lua!("lua/schedule.lua")]);
static ALARM: Script = Script::new(&[QUEUES, lua!("lua/schedule_alarm.lua")]);

/// The schedules of a hash tag, as they are in Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The time until their timer goes off; `None` if it is not set.
    pub alarm: Option<Duration>,
    /// Their states by their names.
    pub states: BTreeMap<String, Vec<u8>>,
}

/// A step of a schedule from one state to the next.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The schedule.
    pub name: &'a str,
    /// Its queue, of the same hash tag as the one that takes the step.
    pub queue: &'a QueueNames,
    /// The state that was read, if there was one; then it is not empty.
    pub from: Option<&'a [u8]>,
    /// The next state.
    pub to: &'a [u8],
    /// The message that it publishes, if it does.
    pub publication: Option<Publication<'a>>,
    /// The time until a schedule of the hash tag is due next.
    pub due: Option<Duration>,
}

/// The message of a schedule's time. It is not published if the schedule's last message is
/// still on the queue: ready, under a lease or delayed. Dead letters, also those that are
/// sent back, are not on the queue in this sense.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The message, which is not empty.
    pub message: &'a [u8],
    /// The next state if it is not published.
    pub otherwise: &'a [u8],
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It was taken.
    Moved,
    /// It was taken without the publication, for the last message is still on the queue.
    Busy,
    /// The schedule has another state than the one that was read: nothing happened.
    Raced,
}

impl<R: Redis> Queue<'_, R> {
    /// The schedules of the queue's hash tag.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn schedules(&self) -> Result<Stored, Failure> {
        let reply = STATES.run(self.redis(), &[&self.names().schedules], &[])?;
        let mut reply = reply.into_iter();
        let left = reply.next().as_ref().and_then(Value::as_int);
        let mut stored = Stored {
            alarm: left
                .and_then(|ms| u64::try_from(ms).ok())
                .map(Duration::from_millis),
            states: BTreeMap::new(),
        };
        while let (Some(name), Some(state)) = (reply.next(), reply.next()) {
            let name = String::from_utf8_lossy(&name.into_bytes()).into_owned();
            stored.states.insert(name, state.into_bytes());
        }
        Ok(stored)
    }

    /// Takes a step of a schedule of the queue's hash tag, sets the timer and notifies a
    /// worker of the message, all of it or nothing.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses. Where the connection was lost, the step may have
    /// been taken.
    pub fn move_schedule(&self, step: &Step<'_>) -> Result<Moved, Failure> {
        let keys = [
            step.queue.stream.as_str(),
            &self.names().schedules,
            &step.queue.scheduled,
        ];
        let (message, otherwise) = match step.publication {
            Some(publication) => (publication.message, publication.otherwise),
            None => (&[][..], &[][..]),
        };
        let due = step.due.map_or(Arg::from(""), |due| Arg::Int(millis(due)));
        let args = [
            Arg::from(self.notifier()),
            Arg::from(step.name),
            Arg::from(step.from.unwrap_or_default()),
            Arg::from(step.to),
            Arg::from(message),
            Arg::from(otherwise),
            due,
        ];
        let reply = MOVE.run(self.redis(), &keys, &args)?;
        self.note_notified(reply.get(1..).unwrap_or_default());
        match reply.first().and_then(Value::as_str) {
            Some("moved") => Ok(Moved::Moved),
            Some("busy") => Ok(Moved::Busy),
            Some("raced") => Ok(Moved::Raced),
            _ => Err(Failure::unavailable(
                "Redis",
                "the script of schedules answered something else",
            )),
        }
    }

    /// Sets the timer of the hash tag's schedules, unless it goes off sooner anyway.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn set_schedules_timer(&self, due: Duration) -> Result<(), Failure> {
        let keys = [self.names().schedules.as_str()];
        ALARM.run(self.redis(), &keys, &[Arg::Int(millis(due))])?;
        Ok(())
    }

    /// Removes the state of a schedule of the queue's hash tag that had the queue `queue`.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn forget_schedule(&self, name: &str, queue: &QueueNames) -> Result<(), Failure> {
        for key in [&self.names().schedules, &queue.scheduled] {
            self.redis()
                .call("HDEL", &[Arg::from(key), Arg::from(name)])?;
        }
        Ok(())
    }
}

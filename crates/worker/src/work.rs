//! What a system's worker says; everything else is the loop's.

use std::time::Duration;

use base::{Failure, Trace};
use queue::{Delivery, Effect, Envelope, Incoming};
use records::Carries;
use serde_json::Value;

use crate::leases::Leases;

/// A message that is to be worked on.
#[derive(Debug)]
pub struct Task<'m, M> {
    /// The message under its lease.
    pub delivery: &'m Delivery,
    /// The ids of the request that led to it, or new ones.
    pub trace: Trace,
    /// The message as it was read.
    pub message: M,
}

/// What came of a message.
#[derive(Debug)]
pub enum Verdict {
    /// It is done; the effects happen together with that, once.
    Done(Vec<Effect>),
    /// It failed and is tried again after the policy's delay or after `not_before`,
    /// whichever is later, unless this was its last attempt.
    Retry {
        /// Why.
        trouble: Trouble,
        /// How long a service asked to be left alone.
        not_before: Duration,
    },
    /// No further attempt can help: it becomes a dead letter.
    Dead(Trouble),
    /// A service that it needs is down, for this reason. It comes back after the policy's
    /// base delay with as many attempts left.
    Postpone(String),
    /// Nothing is to be done for it, for this reason.
    Drop(&'static str),
}

impl Verdict {
    /// [`Verdict::Retry`] after the policy's delay.
    pub fn retry(trouble: impl Into<Trouble>) -> Self {
        Self::Retry {
            trouble: trouble.into(),
            not_before: Duration::ZERO,
        }
    }
}

/// Why a message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What operators read in the log and in the dead letter.
    pub error: String,
    /// What the owner of the document or job may know of it.
    pub shown: String,
}

impl<T: Into<String>> From<T> for Trouble {
    /// A reason that everybody may know.
    fn from(error: T) -> Self {
        let error = error.into();
        let shown = error.clone();
        Self { error, shown }
    }
}

/// How much a worker takes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The most messages that [`Work::work`] is given in one call.
    pub group: usize,
    /// The most calls that are under way at once. More than one pays where the work waits
    /// for services, and lets the messages of a slow one hold up no others.
    pub groups: usize,
}

/// What is done with the messages of a queue.
#[allow(async_fn_in_trait, reason = "components have one thread")]
pub trait Work {
    /// The messages.
    type Message<'m>: Incoming<'m>;

    /// What operators read of a message whose every worker died or hung on it.
    const ABANDONED: &'static str;

    /// Whether a message that fails holds up those after it in its line. Otherwise it
    /// leaves the line for its retries.
    const HOLDS_LINE: bool = true;

    /// How much is taken on at once where the policy says `concurrency`.
    fn share(&self, concurrency: usize) -> Share {
        Share {
            group: concurrency,
            groups: 1,
        }
    }

    /// Stores the version of a document that a message carries, where its writer did not:
    /// [`records::repair_from`]. Queues without documents leave it as it is.
    ///
    /// # Errors
    /// The store is out of reach; the message waits.
    fn repair(
        &self,
        _envelope: &Envelope<'_>,
        _trace: &Trace,
        _message: &[u8],
    ) -> Result<Carries, Failure> {
        Ok(Carries::Nothing)
    }

    /// What the log says of a message, as a JSON object.
    fn fields<'m>(&self, task: &Task<'m, Self::Message<'m>>) -> Value;

    /// Works on some messages and returns a verdict for each, in their order. One that is
    /// left out is tried again.
    ///
    /// # Errors
    /// Something that all of them need is out of reach: all are postponed.
    async fn work<'m>(
        &self,
        tasks: &[Task<'m, Self::Message<'m>>],
        leases: &Leases<'_>,
    ) -> Result<Vec<Verdict>, Failure>;

    /// Effects that happen together with a message's becoming a dead letter.
    ///
    /// # Errors
    /// It cannot be told now: the message is postponed instead.
    async fn give_up<'m>(
        &self,
        _task: &Task<'m, Self::Message<'m>>,
        _trouble: &Trouble,
    ) -> Result<Vec<Effect>, Failure> {
        Ok(Vec::new())
    }

    /// Effects that happen once, after those of all messages that are settled now: counts
    /// that are kept for a batch.
    fn after(&self) -> Vec<Effect> {
        Vec::new()
    }
}

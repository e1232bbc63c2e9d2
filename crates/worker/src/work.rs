//! The work of a system's worker, which the loop calls.

use std::time::Duration;

use base::{Failure, Trace};
use queue::{Delivery, Effect, Incoming, Policy};
use records::{Carries, Received};
use serde_json::Value;

use crate::leases::Leases;

/// A message to work on.
#[derive(Debug)]
pub struct Task<'m, M> {
    /// The message under its lease.
    pub delivery: &'m Delivery,
    /// The ids of the request that led to the message, or new ones.
    pub trace: Trace,
    /// The decoded message.
    pub message: M,
    /// Its place in the delivery, from 0, if that holds several messages.
    pub part: Option<usize>,
}

/// The messages that a message holds.
#[derive(Debug)]
pub enum Parts<M> {
    /// It is one itself.
    One(M),
    /// Several, at least one.
    Many(Vec<M>),
}

/// The result of working on a message.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is done. The effects happen once, together with its settlement.
    Done(Vec<Effect>),
    /// It failed. It is retried after the delay of [`Work::next_try`]; after its last attempt
    /// it becomes a dead letter.
    Retry {
        /// The reason.
        trouble: Trouble,
        /// The time that a service asked to wait.
        not_before: Duration,
    },
    /// A retry cannot help: it becomes a dead letter.
    Dead(Trouble),
    /// A service that it needs is down, for this reason. It is delivered again after the
    /// policy's base delay, as the same attempt.
    Postpone(String),
    /// It needs no work, for this reason: it is settled without effects.
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

impl From<Failure> for Verdict {
    /// A message waits until the services that it needs can be reached. A document that
    /// others change all the time costs an attempt.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Contended { .. } => {
                Self::retry(Trouble::new("the record could not be changed", failure))
            }
            other => Self::Postpone(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for Verdict {
    fn from(error: serde_json::Error) -> Self {
        Failure::from(error).into()
    }
}

/// The reason why a message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The text for operators, in the log and in the dead letter.
    pub error: String,
    /// The text for the owner of the document or job.
    pub shown: String,
}

impl Trouble {
    /// A reason that owners may read, with a detail for operators.
    pub fn new(reason: &str, detail: impl ToString) -> Self {
        Self {
            error: format!("{reason}: {}", detail.to_string()),
            shown: reason.to_owned(),
        }
    }
}

impl<T: Into<String>> From<T> for Trouble {
    /// A reason that operators and owners may both read.
    fn from(error: T) -> Self {
        let error = error.into();
        let shown = error.clone();
        Self { error, shown }
    }
}

/// The messages that a worker works on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The max messages of one call of [`Work::work`].
    pub per_call: usize,
    /// The max calls at once. With more than one, messages that wait for a slow service do
    /// not hold up others.
    pub calls: usize,
}

impl Share {
    /// One message at a time.
    pub const ONE: Self = Self {
        per_call: 1,
        calls: 1,
    };
}

/// The work of one queue.
#[allow(async_fn_in_trait, reason = "components have one thread")]
pub trait Work {
    /// The messages of the queue.
    type Message<'m>: Incoming<'m>;

    /// The error in the dead letter of a message of which every worker died or hung.
    const ABANDONED: &'static str;

    /// Whether a message that failed holds up those after it in its message group.
    /// Otherwise it leaves the group, and its retry joins the end of it.
    const HOLDS_GROUP: bool = true;

    /// Whether an attempt that no worker settled counts as a failure of the message. Otherwise
    /// the message becomes a dead letter if as many workers in a row die of it as the policy
    /// has attempts.
    const COUNTS_DEATHS: bool = true;

    /// Whether there are messages that hold several: [`Self::parts`].
    const HOLDS_SEVERAL: bool = false;

    /// The time after which a worker begins no more work and another one takes over. Platforms
    /// end a request after 30 s, so a piece of work has the time in between.
    const MAX_TIME: Duration = Duration::from_secs(20);

    /// The policy of the queue, where this work needs another one than the variables say.
    fn policy(&self, policy: Policy) -> Policy {
        policy
    }

    /// The delay before a message is tried again whose attempt (from 1) failed; `None` after
    /// its last one. The default is the policy's delay or `not_before`, whichever is later.
    fn next_try(&self, policy: &Policy, attempt: u32, not_before: Duration) -> Option<Duration> {
        let delay = || policy.delay_with_min(attempt, base::random(), not_before);
        (!policy.is_last(attempt)).then(delay)
    }

    /// The messages to work on at once, by the `concurrency` of the policy.
    fn share(&self, concurrency: usize) -> Share {
        Share {
            per_call: concurrency,
            calls: 1,
        }
    }

    /// Stores the version of a document that a message carries, if its writer did not:
    /// [`Received::repair`]. The default is for queues without documents.
    ///
    /// # Errors
    /// The store is out of reach: the message is postponed.
    fn repair(&self, _received: &Received<'_>) -> Result<Carries, Failure> {
        Ok(Carries::Nothing)
    }

    /// The messages that a message holds, in their order. Each is worked on, retried and made
    /// a dead letter by itself. Those for which there is no time are sent on together; and if
    /// a worker died, each goes on by itself, so that the one that killed it takes no other
    /// with it. Only messages of no message group hold several.
    fn parts<'m>(&self, message: Self::Message<'m>) -> Parts<Self::Message<'m>> {
        Parts::One(message)
    }

    /// The message that holds these messages, which are neighbours of one delivery; a single
    /// one by itself. It is called only where [`Self::parts`] returned several.
    ///
    /// # Errors
    /// It cannot be written.
    fn pack<'m>(&self, _parts: &[Task<'m, Self::Message<'m>>]) -> Result<Vec<u8>, Failure> {
        Err(Failure::internal("messages of this queue hold no others"))
    }

    /// The fields of a message's log lines, as a JSON object.
    fn fields<'m>(&self, task: &Task<'m, Self::Message<'m>>) -> Value;

    /// Works on messages and returns a verdict for each, in their order. A message without
    /// a verdict is retried.
    ///
    /// # Errors
    /// A service that all of them need is out of reach: all are postponed.
    async fn work<'m>(
        &self,
        tasks: &[Task<'m, Self::Message<'m>>],
        leases: &Leases<'_>,
    ) -> Result<Vec<Verdict>, Failure>;

    /// Effects that happen when a message becomes a dead letter.
    ///
    /// # Errors
    /// A service that it needs is out of reach: the message is postponed instead.
    async fn give_up<'m>(
        &self,
        _task: &Task<'m, Self::Message<'m>>,
        _trouble: &Trouble,
    ) -> Result<Vec<Effect>, Failure> {
        Ok(Vec::new())
    }

    /// The hash and the field that note the id of the dead letter that a message becomes.
    /// It is called after [`Self::give_up`].
    fn noted_in<'m>(&self, _task: &Task<'m, Self::Message<'m>>) -> Option<(String, String)> {
        None
    }

    /// Effects that happen once for all messages that are settled together, such as counts
    /// of a batch.
    fn after(&self) -> Vec<Effect> {
        Vec::new()
    }
}

/// Works on messages one after the other. An error ends it: see [`Work::work`].
///
/// # Errors
/// Those of `work`.
pub async fn one_by_one<'m, M>(
    tasks: &[Task<'m, M>],
    mut work: impl AsyncFnMut(&Task<'m, M>) -> Result<Verdict, Failure>,
) -> Result<Vec<Verdict>, Failure> {
    let mut verdicts = Vec::with_capacity(tasks.len());
    for task in tasks {
        verdicts.push(work(task).await?);
    }
    Ok(verdicts)
}

//! What becomes of messages.

use std::time::Duration;

use base::{Trace, log};
use images_domain::FileName;
use queue::{Delivery, Effect, Settlement};
use serde_json::json;
use stores::Redis;
use worker::Next;

use crate::work::Worker;

/// What handling a message came to.
pub(crate) enum Verdict {
    /// It is done.
    Done,
    /// It failed, and is tried again unless this was its last attempt. The
    /// detail is for the log and the dead letter.
    Failed { reason: String, detail: String },
    /// Something that it needs is down; the message is not to blame.
    Postponed(String),
    /// Time was up before anybody had looked at it.
    GivenBack,
    /// No further attempt can help.
    Hopeless(String),
}

impl Verdict {
    pub(crate) fn failed(reason: &str, detail: impl ToString) -> Self {
        Self::Failed {
            reason: reason.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// A message that was handled.
pub(crate) struct Handled {
    pub(crate) delivery: Delivery,
    pub(crate) trace: Trace,
    /// The photo, where the message says which.
    pub(crate) file: Option<FileName>,
    pub(crate) verdict: Verdict,
}

impl Handled {
    /// A message of which nothing is known.
    pub(crate) fn unread(delivery: Delivery, verdict: Verdict) -> Self {
        Self {
            delivery,
            trace: Trace::new(),
            file: None,
            verdict,
        }
    }
}

impl<R: Redis> Worker<'_, R> {
    /// Settles messages, all in one script.
    pub(crate) fn settle(&self, handled: Vec<Handled>) -> Result<(), base::Failure> {
        if handled.is_empty() {
            return Ok(());
        }
        let settlements: Vec<_> = handled.iter().map(|one| self.settlement(one)).collect();
        self.queue.settle(&settlements, &[])?;
        Ok(())
    }

    fn settlement(&self, handled: &Handled) -> Settlement {
        let Handled {
            delivery,
            trace,
            file,
            verdict,
        } = handled;
        let file = file.as_ref().map(ToString::to_string);
        let (queue, policy) = (&self.queue, &self.settings.policy);
        let settlement = Settlement::of(delivery);
        match verdict {
            Verdict::Done => settlement,
            Verdict::Failed { reason, detail } => {
                let fields = |retry_in: Option<Duration>| {
                    json!({
                        "file": file,
                        "attempt": delivery.attempt,
                        "reason": reason,
                        "detail": detail,
                        "retryInMs": retry_in.map(worker::millis),
                    })
                };
                match worker::after_failure(queue, policy, delivery) {
                    Next::Retry(delay, again) => {
                        let fields = fields(Some(delay));
                        log::warn(trace, "a message is tried again later", fields);
                        settlement.with(again)
                    }
                    Next::Dead => {
                        log::error(trace, "a message became a dead letter", fields(None));
                        settlement.with(self.bury(delivery, &format!("{reason}: {detail}")))
                    }
                }
            }
            Verdict::Postponed(reason) => {
                log::warn(
                    trace,
                    "a message is postponed",
                    json!({"file": file, "reason": reason}),
                );
                settlement.with(worker::postpone(queue, delivery, policy.base_delay))
            }
            Verdict::GivenBack => settlement.with(worker::give_back(queue, delivery)),
            Verdict::Hopeless(reason) => {
                let fields = json!({"file": file, "attempt": delivery.attempt, "reason": reason});
                log::error(trace, "a message became a dead letter", fields);
                settlement.with(self.bury(delivery, reason))
            }
        }
    }

    fn bury(&self, delivery: &Delivery, error: &str) -> Effect {
        self.queue.bury(delivery, error)
    }
}

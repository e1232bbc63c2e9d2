//! The state of a schedule in Redis.

use serde::{Deserialize, Serialize};

/// The state of a schedule. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The expression that `next` is of.
    pub expression: String,
    /// The queue.
    pub queue: String,
    /// The next time; `None` where there is none.
    pub next: Option<u64>,
    /// The last time that ran.
    pub last: Option<Last>,
    /// The number of times that ran.
    #[serde(default)]
    pub runs: u64,
    /// The number of times that were first looked at too late, or together with a later one.
    #[serde(default)]
    pub missed: u64,
    /// The number of times at which the message of an earlier one was still on the queue.
    #[serde(default)]
    pub skipped: u64,
}

/// A time that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The time.
    pub scheduled_for: u64,
    /// When its message was published.
    pub ran_at: u64,
}

impl State {
    /// Reads a state; `None` for bytes that are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn write(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

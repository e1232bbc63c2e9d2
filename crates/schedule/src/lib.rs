//! Schedules: messages that are published on queues at times that an expression tells.
//!
//! [`Schedules`] are the lines of a variable. [`tick`] looks at those of a queue's hash tag
//! and publishes the messages that are due. Callers may call it at any time and at once: each
//! time runs once, because one script moves a schedule from its time to the next one and
//! publishes the message.

mod cron;
mod expression;
mod lines;
mod plan;
mod state;
mod tick;

pub use expression::{Due, Expression, NoExpression};
pub use lines::{BuiltIn, Schedule, Schedules, Wrong};
pub use state::{Last, State};
pub use tick::{Seen, tick};

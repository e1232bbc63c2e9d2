//! A queue that delivers at least once, on a doorbell.
//!
//! Messages lie in a Redis stream with one consumer group. The pub/sub message
//! that wakes a worker carries nothing, so losing it loses nothing: it is a
//! bell, and an alarm key that expires rings again for whatever still waits.
//! Every change is one Lua script, so it happens whole or not at all.

mod change;
mod dead;
mod delivery;
mod effect;
mod envelope;
pub mod health;
mod inspect;
mod names;
mod policy;
mod queue;
mod script;
mod settlement;
mod staged;

pub use change::{Change, Outcome};
pub use dead::{DeadLetter, DeadPage, LetterId, NoLetterId, Redriven};
pub use delivery::Delivery;
pub use effect::{Count, Effect, Line, Tallied};
pub use envelope::{Envelope, Incoming, Message, Opened, open, read};
pub use inspect::Counts;
pub use names::QueueNames;
pub use policy::Policy;
pub use queue::{Bell, Queue};
pub use script::Script;
pub use settlement::Settlement;
pub use staged::Staged;

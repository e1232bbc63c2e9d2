//! A queue in Redis that delivers each message at least once.
//!
//! Messages lie in a stream with one consumer group. A notification wakes a worker: it
//! carries no message, so a lost one loses nothing. A timer, a key that expires, makes up
//! for it. Every change is one Lua script, so it happens whole or not at all.

mod change;
mod dead;
mod delivery;
mod effect;
mod envelope;
pub mod health;
mod inspect;
mod names;
mod pause;
mod policy;
mod queue;
mod schedules;
mod script;
mod settlement;
mod staged;

pub use change::{Change, Outcome};
pub use dead::{DeadLetter, DeadPage, LetterId, NoLetterId, Picked};
pub use delivery::Delivery;
pub use effect::{Completion, Count, Effect, Group, Keeping, Noted, Once, Tallied};
pub use envelope::{Envelope, Incoming, Message, Opened, open, read};
pub use inspect::{Counts, Minute};
pub use names::QueueNames;
pub use policy::Policy;
pub use queue::{Notify, Queue};
pub use schedules::{Moved, Publication, Step, Stored};
pub use script::Script;
#[doc(hidden)]
pub use script::{lua_code, lua_len};
pub use settlement::Settlement;
pub use staged::Staged;

//! The stores of the purchases system: `purchases-domain` on Redis and the key-value store.

mod change;
mod compact;
mod counted;
mod list;
mod replay;
mod report;
mod settings;
mod stream;

pub use change::{change, erase, load, remove};
pub use compact::compact_later;
pub use counted::{Counting, counting};
pub use list::{history, list};
pub use replay::{Progress, find as find_replay, next_tenant, start as start_replay};
pub use report::report;
pub use settings::settings;
pub use stream::{Queued, enqueue};

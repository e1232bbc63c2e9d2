//! The stores of the orders system: `orders-domain` on Redis and the key-value store.

mod change;
mod list;
mod process;
mod read;

pub use change::{Done, Intent, NotChanged, change};
pub use list::list;
pub use process::{failed, processed};
pub use read::{History, history, load, processing, wake_if_idle};

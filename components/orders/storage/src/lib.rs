//! How the orders system keeps its orders: the rules of `orders-domain` on the
//! stores.

mod change;
mod list;
mod process;
mod read;

pub use change::{Done, Intent, NotChanged, change};
pub use list::list;
pub use process::{failed, processed};
pub use read::{History, history, load, processing, wake_if_idle};

//! How the orders system keeps its orders: the rules of `orders-domain` on the
//! stores.

mod change;
mod list;
mod process;
mod read;

pub use change::{Changed, Intent, NotChanged, change};
pub use list::{Page, list};
pub use process::{failed, processed, repair};
pub use read::{History, history, load, nudge, processing};

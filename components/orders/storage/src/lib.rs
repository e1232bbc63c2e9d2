//! The stores of the orders system: `orders-domain` on Redis and the key-value store.

mod change;
mod list;
mod process;
mod read;

pub use change::{Wish, change};
pub use list::{OrdersPage, list};
pub use process::{failed, processed};
pub use read::{Latest, history, keep, load, processing, wake_if_idle};

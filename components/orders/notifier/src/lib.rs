//! The worker of the queue `orders.notifications`: tells receivers what became of
//! orders, by signed webhooks. Notifications of its queue wake it;
//! `POST /ops/queues/orders.notifications/drain` does the same where there is no
//! Redis trigger.
//!
//! The modules here decide and send, and know neither Spin nor a queue. The
//! component around them does.

pub mod answer;
pub mod client;
pub mod receivers;

#[cfg(target_family = "wasm")]
mod component;

//! The worker of the queue `orders.notifications`: sends events to endpoints as signed
//! webhooks, to those of `notification_urls` and to those that operators made. A Redis message
//! wakes it; `POST /ops/queues/orders.notifications/drain` does the same where there is no
//! Redis trigger.
//!
//! These modules decide and send, and know neither Spin nor a queue. The component around
//! them does.

pub mod answer;
pub mod client;
pub mod receivers;
pub mod retries;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod journal;
#[cfg(target_family = "wasm")]
mod known;
#[cfg(target_family = "wasm")]
mod off;

//! What all workers of queues have in common, and what whoever publishes needs
//! to wake them: settings, the loop that drains a queue, the two ways in (a
//! bell of Redis, a request over HTTP) and the bell that is rung over HTTP.
//!
//! A worker is a component with two exports that do the same:
//!
//! ```ignore
//! #[redis_component]
//! async fn on_bell(_bell: Vec<u8>) -> anyhow::Result<()> {
//!     worker::on_bell(drain()).await
//! }
//!
//! #[http_component]
//! async fn on_request(request: IncomingRequest, out: ResponseOutparam) {
//!     worker::on_request(request, out, QUEUE, drain).await;
//! }
//! ```

mod bell;
mod drain;
mod entry;
mod retry;
mod settings;

pub use bell::{open, ring};
pub use drain::{Deadline, drain, in_groups};
pub use entry::{on_bell, on_request};
pub use retry::{Next, after_failure, give_back, millis, postpone};
pub use settings::policy;

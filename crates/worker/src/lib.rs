//! What all workers of queues have in common, and what whoever publishes needs
//! to wake them: settings, the loop that drains a queue, the two ways in (a
//! bell of Redis, a request over HTTP) and the bell that is rung over HTTP.
//!
//! A system says by [`Work`] what it does with a message; [`run`] does the rest. A worker
//! is a component with two exports that do the same, which [`exports!`] writes.

mod bell;
mod entry;
mod leases;
mod run;
mod settings;
mod work;

pub use bell::{open, ring};
pub use entry::{on_bell, on_request};
pub use leases::Leases;
pub use run::run;
pub use settings::policy;
pub use work::{Share, Task, Trouble, Verdict, Work};

#[doc(hidden)]
pub use anyhow;

/// Writes the two exports of a worker: the handler of the Redis trigger, and the HTTP
/// handler of `POST /ops/queues/{queue}/drain`. `$queue` is the queue's name and `$drain`
/// an async function that works on it. The component's crate needs `spin-sdk`.
#[macro_export]
macro_rules! exports {
    ($queue:expr, $drain:path) => {
        #[::spin_sdk::redis_component]
        async fn on_bell(_bell: Vec<u8>) -> $crate::anyhow::Result<()> {
            $crate::on_bell($drain()).await
        }

        #[::spin_sdk::http_component]
        async fn on_request(
            request: ::spin_sdk::http::IncomingRequest,
            out: ::spin_sdk::http::ResponseOutparam,
        ) {
            $crate::on_request(request, out, $queue, $drain).await;
        }
    };
}

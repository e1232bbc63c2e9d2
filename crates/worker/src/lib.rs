//! Workers of queues: their settings, the loop that drains a queue, and their two entries
//! (a notification of Redis, a request over HTTP). Publishers find here how to [`open`] a
//! queue and [`notify()`] its workers.
//!
//! A system implements [`Work`], and [`run`] calls it. A worker is a component with two
//! exports that do the same, which [`exports!`] writes.

mod entry;
mod leases;
mod notify;
mod run;
mod settings;
mod spans;
mod work;

pub use entry::{on_notification, on_request};
pub use leases::Leases;
pub use notify::{bell, notify, open};
pub use run::run;
pub use settings::policy;
pub use work::{Parts, Share, Task, Trouble, Verdict, Work};

#[doc(hidden)]
pub use anyhow;

/// Writes the two exports of a worker: the handler of the Redis trigger, and the HTTP
/// handler of `POST /ops/queues/{queue}/drain`. `$queue` is the queue's name, and `$drain`
/// an async function that drains it and returns the number of messages. The component's
/// crate depends on `spin-sdk`.
#[macro_export]
macro_rules! exports {
    ($queue:expr, $drain:path) => {
        #[::spin_sdk::redis_component]
        async fn on_notification(_payload: Vec<u8>) -> $crate::anyhow::Result<()> {
            $crate::on_notification($drain()).await
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

//! Workers of queues: their settings, the loop that drains a queue, and their two entries
//! (a notification of Redis, a request over HTTP). Publishers find here how to [`publish()`] on
//! a queue: to [`open`] it and to [`notify()`] its workers.
//!
//! A system implements [`Work`], and [`run`] calls it. A worker is a component with two
//! exports that do the same, which [`exports!`] writes.

mod entry;
mod leases;
mod notify;
mod publish;
mod run;
mod settings;
mod spans;
mod work;

pub use entry::{on_notification, on_request};
pub use leases::Leases;
pub use notify::{notify, notify_mode, open};
pub use publish::publish;
pub use run::run;
pub use settings::policy;
pub use work::{Parts, Share, Task, Trouble, Verdict, Work, one_by_one};

// Names that the code of `exports!` uses.
#[doc(hidden)]
pub use {anyhow, base::Failure, stores::SpinRedis};

/// Writes the two exports of a worker: the handler of the Redis trigger, and the HTTP
/// handler of `POST /ops/queues/{queue}/drain`. `$queue` is the queue's name, and `$open` an
/// async function that makes the [`Work`] of an open queue, with its stores and settings. The
/// component's crate depends on `spin-sdk`.
#[macro_export]
macro_rules! exports {
    ($queue:expr, $open:path) => {
        async fn drain() -> ::std::result::Result<usize, $crate::Failure> {
            let policy = $crate::policy()?;
            let redis = $crate::SpinRedis::open()?;
            let queue = $crate::open(&redis, $queue)?;
            let work = $open(&queue).await?;
            $crate::run(&queue, &policy, &work).await
        }

        #[::spin_sdk::redis_component]
        async fn on_notification(_payload: Vec<u8>) -> $crate::anyhow::Result<()> {
            $crate::on_notification(drain()).await
        }

        #[::spin_sdk::http_component]
        async fn on_request(
            request: ::spin_sdk::http::IncomingRequest,
            out: ::spin_sdk::http::ResponseOutparam,
        ) {
            $crate::on_request(request, out, $queue, drain).await;
        }
    };
}

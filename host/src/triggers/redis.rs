//! The Redis trigger: one subscription a server, one message at a time.
//!
//! A lost connection is made again; a host with `like_spin` ends instead.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::StreamExt;
use redis::Client;
use redis::aio::PubSub;
use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Builder, Handle, Runtime as Threads};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::runtime::Runtime;

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// The delay of the subscriptions after the HTTP trigger on a host like Spin.
const LATE: Duration = Duration::from_millis(500);
/// The time between two checks of a silent connection.
const CHECK: Duration = Duration::from_secs(15);

/// How far the threads of queue work give way to others, as `nice` counts it: at 5, a thread
/// gets a third of what a thread that answers requests gets of the same processor.
const NICE: i32 = 5;

/// The runtime of subscriptions. Its threads give way to those that answer requests: messages
/// that wait meanwhile are then claimed together, which takes less time.
#[derive(Debug)]
pub struct QueueWork {
    handle: Handle,
    /// None once this is dropped.
    threads: Option<Threads>,
}

impl QueueWork {
    /// Starts as many threads as tokio does by default, one a processor.
    ///
    /// # Errors
    /// The machine gives no more threads or files.
    pub fn start() -> io::Result<Self> {
        let usual = getpriority_process(None);
        let give_way = move || {
            // Only Linux sets the priority of the calling thread alone. Where that fails, all
            // threads have the same one.
            if cfg!(target_os = "linux")
                && let Ok(usual) = usual
            {
                let _ = setpriority_process(None, usual + NICE);
            }
        };
        let threads = Builder::new_multi_thread()
            .thread_name("orilla-queue")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: threads.handle().clone(),
            threads: Some(threads),
        })
    }
}

impl Drop for QueueWork {
    fn drop(&mut self) {
        // Tokio panics where an asynchronous caller drops a runtime, which waits for its threads.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// The components of each channel of one server.
pub type Channels = BTreeMap<String, Vec<String>>;

/// The subscription to one server.
pub struct Subscriber {
    client: Client,
    channels: Channels,
    runtime: Arc<Runtime>,
    stop: watch::Receiver<bool>,
    like_spin: bool,
}

/// The task of a subscription. Its result is the reason for an end before `stop`.
#[derive(Debug)]
pub struct Subscription {
    task: JoinHandle<Option<String>>,
}

impl Subscriber {
    /// Prepares a subscription. With `like_spin` it ends at its first failure.
    ///
    /// # Errors
    /// The address is not a Redis URL.
    pub fn new(
        address: &str,
        channels: Channels,
        runtime: Arc<Runtime>,
        stop: watch::Receiver<bool>,
        like_spin: bool,
    ) -> anyhow::Result<Self> {
        let client = Client::open(address).context("it is no Redis address")?;
        Ok(Self {
            client,
            channels,
            runtime,
            stop,
            like_spin,
        })
    }

    /// The server's host and port, without secrets.
    pub fn server(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// The channels and their components.
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Subscribes, and returns after the first try: if it fails, others follow. With
    /// `like_spin` it returns before the first try.
    pub async fn start(self, work: &QueueWork) -> Subscription {
        let (tried, first_try) = oneshot::channel();
        let like_spin = self.like_spin;
        let task = work.handle.spawn(self.run(tried));
        if !like_spin {
            // The sender is dropped only if the task ends, and then there is no try to wait for.
            let _ = first_try.await;
        }
        Subscription { task }
    }

    async fn run(mut self, tried: oneshot::Sender<()>) -> Option<String> {
        let mut tried = Some(tried);
        let mut delay = RETRY_FIRST;
        let server = self.server();
        if self.like_spin {
            tokio::time::sleep(LATE).await;
        }
        while !*self.stop.borrow() {
            let mut stop = self.stop.clone();
            let subscribed = tokio::select! {
                subscribed = tokio::time::timeout(CHECK, self.subscribe()) => subscribed
                    .unwrap_or_else(|_| Err(anyhow!("it doesn't answer"))),
                _ = stop.changed() => return None,
            };
            if let Some(tried) = tried.take() {
                // Fails only if the caller has given up the start.
                let _ = tried.send(());
            }
            let reason = match subscribed {
                Ok(subscription) => {
                    if delay > RETRY_FIRST {
                        tracing::info!("subscribed to Redis at {server} again");
                    }
                    delay = RETRY_FIRST;
                    match self.listen(subscription).await {
                        Some(reason) => reason,
                        None => return None,
                    }
                }
                Err(error) => format!("{error:#}"),
            };
            if self.like_spin {
                return Some(format!("no subscription to Redis at {server}: {reason}"));
            }
            tracing::warn!("no subscription to Redis at {server}: {reason}; next try in {delay:?}");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                _ = self.stop.changed() => return None,
            }
            delay = (delay * 2).min(RETRY_LAST);
        }
        None
    }

    async fn subscribe(&self) -> anyhow::Result<PubSub> {
        let mut subscription = self.client.get_async_pubsub().await?;
        for channel in self.channels.keys() {
            subscription.subscribe(channel).await?;
        }
        Ok(subscription)
    }

    /// Handles messages until the connection is lost, and returns the reason, or
    /// until the application stops.
    async fn listen(&mut self, subscription: PubSub) -> Option<String> {
        let (mut sink, mut messages) = subscription.split();
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                _ = self.stop.changed() => return None,
                () = tokio::time::sleep(CHECK) => {
                    // Only a ping notices a peer that vanished silently.
                    match tokio::time::timeout(CHECK, sink.ping::<redis::Value>()).await {
                        Ok(Ok(_)) => continue,
                        Ok(Err(error)) => return Some(error.to_string()),
                        Err(_) => return Some("it doesn't answer".to_owned()),
                    }
                }
            };
            let Some(message) = message else {
                return Some("the connection was closed".to_owned());
            };
            let Some(components) = self.channels.get(message.get_channel_name()) else {
                continue;
            };
            let payload = message.get_payload_bytes().to_vec();
            // The calls log their failures; the next message follows.
            let calls = components
                .iter()
                .map(|component| self.runtime.call_redis(component, &payload));
            futures::future::join_all(calls).await;
        }
    }
}

impl Subscription {
    /// Waits until the current message is handled, after `stop` has changed.
    pub async fn stopped(&mut self) {
        // Fails only by a panic, which has been reported.
        let _ = (&mut self.task).await;
    }

    /// Waits until the subscription ends before `stop`, which happens only with
    /// `like_spin`, and returns the reason.
    pub async fn lost(&mut self) -> String {
        match (&mut self.task).await {
            Ok(Some(reason)) => reason,
            _ => std::future::pending().await,
        }
    }

    /// Ends the subscription at once.
    pub fn abort(&self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn queue_work_gives_way_to_requests_by_one_step() {
        let priority = || getpriority_process(None).unwrap();
        let usual = priority();
        let work = QueueWork::start().unwrap();
        let task = work.handle.spawn(async move {
            // Its thread starts from one that gives way already.
            let blocking = tokio::task::spawn_blocking(priority).await.unwrap();
            (priority(), blocking)
        });
        assert_eq!(task.await.unwrap(), (usual + NICE, usual + NICE));
        assert_eq!(priority(), usual);
    }
}

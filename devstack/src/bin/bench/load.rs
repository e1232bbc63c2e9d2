//! Closed-loop load: each connection sends its next request when the one before
//! is answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use devstack::client::Call;
use tokio::{
    runtime::Builder,
    task::{JoinSet, spawn_blocking},
};

use crate::{client::Connection, numbers::Latencies, wire::Wire};

/// The number of open connections.
pub const CONNECTIONS: usize = 8;

/// Makes a request from its number, which no other request of the endpoint has.
type Make = dyn Fn(u64) -> Result<Call> + Send + Sync;

/// Requests of one kind, sent again and again.
pub struct Endpoint {
    /// Its name in a table.
    pub name: &'static str,
    make: Box<Make>,
    next: AtomicU64,
}

impl Endpoint {
    /// An endpoint with the same request each time.
    pub fn constant<T>(name: &'static str, call: &Call<T>) -> Arc<Self> {
        let call: Call = call.reading();
        Self::numbered(name, move |_| Ok(call.clone()))
    }

    /// An endpoint with another request each time.
    pub fn numbered(
        name: &'static str,
        make: impl Fn(u64) -> Result<Call> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            make: Box::new(make),
            next: AtomicU64::new(0),
        })
    }

    /// The number of requests made so far.
    pub fn made(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn call(&self) -> Result<Call> {
        (self.make)(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Sends requests for a while, after a warm-up. Only those sent after it count. One thread
/// sends them all, as `wrk` does: threads that wake each other would take time from the host.
///
/// # Errors
/// An answer has another status than its request expects.
pub async fn run(
    address: SocketAddr,
    endpoint: &Arc<Endpoint>,
    warm_up: Duration,
    duration: Duration,
) -> Result<Latencies> {
    let endpoint = endpoint.clone();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let load = async move {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Wire::open(address).await?);
        }
        let start = Instant::now() + warm_up;
        let end = start + duration;
        let mut senders = JoinSet::new();
        for mut connection in connections {
            let endpoint = endpoint.clone();
            senders.spawn(async move {
                let mut latencies = Latencies::default();
                while Instant::now() < end {
                    let call = endpoint.call()?;
                    let sent = Instant::now();
                    connection.send(&call).await?;
                    if sent >= start {
                        latencies.add(sent.elapsed());
                    }
                }
                anyhow::Ok(latencies)
            });
        }
        let mut all = Latencies::default();
        while let Some(latencies) = senders.join_next().await {
            all.extend(&latencies??);
        }
        Ok(all)
    };
    spawn_blocking(move || runtime.block_on(load)).await?
}

/// Sends an endpoint's first requests, so many of them, on all connections.
///
/// # Errors
/// An answer has another status than its request expects.
pub async fn send(address: SocketAddr, endpoint: &Arc<Endpoint>, count: u64) -> Result<()> {
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(address).await?;
        let endpoint = endpoint.clone();
        workers.spawn(async move {
            loop {
                let number = endpoint.next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                connection.send(&(endpoint.make)(number)?).await?;
            }
        });
    }
    while let Some(sent) = workers.join_next().await {
        sent??;
    }
    Ok(())
}

/// Sends one request after the other on one connection that is otherwise idle.
///
/// # Errors
/// An answer has another status than its request expects.
pub async fn one_by_one<T>(
    connection: &mut Connection,
    call: &Call<T>,
    samples: usize,
) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for _ in 0..samples {
        let sent = Instant::now();
        connection.send(call).await?;
        latencies.add(sent.elapsed());
    }
    Ok(latencies)
}

//! One address in front of several hosts, like a load balancer's.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::eventually;

/// Forwards connections to hosts in turn. Dropping it ends it.
pub(crate) struct Balancer {
    hosts: Arc<Mutex<Vec<Option<SocketAddr>>>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    /// Listens on an address that has just become free, for `count` hosts, none
    /// of which runs yet.
    pub(crate) async fn bind(address: SocketAddr, count: usize) -> Self {
        let listener = eventually("the address is free", || async {
            TcpListener::bind(address).await.ok()
        })
        .await;
        let hosts = Arc::new(Mutex::new(vec![None; count]));
        let accepting = tokio::spawn(accept(listener, hosts.clone()));
        Self { hosts, accepting }
    }

    /// Sets the address of a host; `None` when it does not run.
    pub(crate) fn set(&self, number: usize, address: Option<SocketAddr>) {
        lock(&self.hosts)[number] = address;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(hosts: &Mutex<Vec<Option<SocketAddr>>>) -> MutexGuard<'_, Vec<Option<SocketAddr>>> {
    hosts.lock().unwrap()
}

async fn accept(listener: TcpListener, hosts: Arc<Mutex<Vec<Option<SocketAddr>>>>) {
    let turn = AtomicUsize::new(0);
    while let Ok((client, _)) = listener.accept().await {
        let mut running: Vec<_> = lock(&hosts).iter().flatten().copied().collect();
        if !running.is_empty() {
            let first = turn.fetch_add(1, Ordering::Relaxed) % running.len();
            running.rotate_left(first);
        }
        tokio::spawn(forward(client, running));
    }
}

/// Joins a client with the first host that answers. Without one, or when the
/// host dies, the client's connection closes.
async fn forward(mut client: TcpStream, hosts: Vec<SocketAddr>) {
    for host in hosts {
        if let Ok(mut server) = TcpStream::connect(host).await {
            // Either side may end at any time: the tests cause that.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

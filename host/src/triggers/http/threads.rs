//! Threads that serve connections, each with a runtime of its own.
//!
//! A request stays on the thread of its connection. Waking another thread for it, and being
//! woken by that one, would take as long as the request itself. Only a guest that needs long
//! goes to the runtime of the process, so that the other connections do not wait for it.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// The threads. They end when this is dropped, with all that they serve.
#[derive(Debug)]
pub struct Threads {
    all: Arc<[Thread]>,
    _running: watch::Sender<()>,
}

/// A thread, and the connections that it serves.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Where its tasks are spawned.
    pub runtime: Handle,
    /// Each connection has a clone.
    connections: Arc<()>,
}

impl Threads {
    /// Starts as many threads as the machine has processors.
    ///
    /// # Errors
    /// The machine gives no more threads or files.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (running, ended) = watch::channel(());
        let all = (0..count).map(|_| Thread::start(ended.clone()));
        Ok(Self {
            all: all.collect::<io::Result<_>>()?,
            _running: running,
        })
    }

    /// The threads, to be chosen from.
    pub fn all(&self) -> Arc<[Thread]> {
        self.all.clone()
    }
}

impl Thread {
    fn start(mut ended: watch::Receiver<()>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = Self {
            runtime: runtime.handle().clone(),
            connections: Arc::default(),
        };
        thread::Builder::new()
            .name("orilla-http".to_owned())
            .spawn(move || {
                // Fails when the sender is dropped, and nothing is ever sent.
                let _ = runtime.block_on(ended.changed());
                runtime.shutdown_background();
            })?;
        Ok(thread)
    }

    /// The thread with the fewest connections, for one more.
    pub fn least_busy(all: &[Self]) -> Option<Self> {
        let count = |thread: &&Self| Arc::strong_count(&thread.connections);
        all.iter().min_by_key(count).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_over_the_threads() {
        let threads = Threads::start().unwrap();
        let all = threads.all();
        let next = || Thread::least_busy(&all).unwrap();
        let mut connections: Vec<_> = (0..2 * all.len()).map(|_| next()).collect();
        for thread in &*all {
            // Two connections and the thread itself.
            assert_eq!(Arc::strong_count(&thread.connections), 3);
        }
        let closed = connections.swap_remove(0);
        let id = closed.runtime.id();
        drop(closed);
        assert_eq!(next().runtime.id(), id);
    }

    #[tokio::test]
    async fn a_thread_ends_with_what_it_serves() {
        let threads = Threads::start().unwrap();
        let thread = Thread::least_busy(&threads.all()).unwrap();
        let served = thread.runtime.spawn(std::future::pending::<()>());
        drop(threads);
        assert!(served.await.unwrap_err().is_cancelled());
    }
}

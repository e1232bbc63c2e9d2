//! Connections that are used again.
//!
//! A guest's connection is its own for as long as it has it, as in Spin. When it is
//! done, the connection to the server is kept for the next guest that opens the same
//! address, if nothing that was said on it could matter to that one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, ErrorKind, RedisError, RedisResult, Value};

use super::wire::Wire;

/// How many connections are kept that nobody uses.
const MAX_IDLE: usize = 64;
/// How long nobody may use a connection before it is closed.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// How old a connection may get: names may lead to other servers, and passwords change.
const MAX_LIFE: Duration = Duration::from_secs(60);

/// The connections of an application that nobody uses, the last used at the end.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Idle>>);

struct Idle {
    address: Arc<str>,
    wire: Wire,
    since: Instant,
}

impl std::fmt::Debug for Pool {
    // Addresses may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// A pool with nothing in it. It must be made inside a runtime.
    pub fn start() -> Arc<Self> {
        let pool = Arc::new(Self::default());
        let swept = Arc::downgrade(&pool);
        tokio::spawn(async move {
            while let Some(pool) = Weak::upgrade(&swept) {
                pool.idle().retain(Idle::is_fresh);
                drop(pool);
                tokio::time::sleep(IDLE_TIME).await;
            }
        });
        pool
    }

    /// A connection to an address, of which `client` is the meaning.
    pub async fn open(self: &Arc<Self>, address: &str, client: Client) -> RedisResult<Connection> {
        let (wire, is_used) = match self.take(address) {
            Some(wire) => (wire, true),
            None => (Wire::open(client.get_connection_info()).await?, false),
        };
        Ok(Connection {
            wire: Some(wire),
            is_used,
            is_clean: true,
            address: address.into(),
            client,
            pool: self.clone(),
        })
    }

    fn take(&self, address: &str) -> Option<Wire> {
        let mut idle = self.idle();
        loop {
            let last = idle.iter().rposition(|idle| &*idle.address == address)?;
            let found = idle.remove(last);
            if found.is_fresh() && found.wire.is_open() {
                return Some(found.wire);
            }
        }
    }

    fn put(&self, address: Arc<str>, wire: Wire) {
        let Some(wire) = wire.emptied() else { return };
        let idle = Idle {
            address,
            wire,
            since: Instant::now(),
        };
        let mut all = self.idle();
        if all.len() < MAX_IDLE && idle.is_fresh() {
            all.push(idle);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < IDLE_TIME && self.wire.age() < MAX_LIFE
    }
}

/// A connection of one guest.
pub struct Connection {
    wire: Option<Wire>,
    /// Whether another guest had it before, and this one has said nothing on it yet.
    is_used: bool,
    /// Whether it is as it was when it was opened.
    is_clean: bool,
    address: Arc<str>,
    client: Client,
    pool: Arc<Pool>,
}

impl Connection {
    /// Runs a command. `leaves_state` says whether the server may remember it of
    /// this connection.
    pub async fn run(&mut self, command: &Cmd, leaves_state: bool) -> RedisResult<Value> {
        let broken = || RedisError::from((ErrorKind::Io, "the connection is broken"));
        let mut wire = self.wire.take().ok_or_else(broken)?;
        // The server may have gone since the connection was taken from the pool: as
        // long as nothing was said on it, another one is as good.
        if std::mem::take(&mut self.is_used) && !wire.is_open() {
            wire = Wire::open(self.client.get_connection_info()).await?;
        }
        // If this is not waited for to its end, the connection ends here.
        let reply = wire.ask(command).await?;
        self.wire = Some(wire);
        let reply = reply.extract_error();
        // An error may be of the server as such: it has become a replica, for example.
        self.is_clean &= !leaves_state && reply.is_ok();
        reply
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take().filter(|_| self.is_clean) {
            self.pool.put(self.address.clone(), wire);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use redis::cmd;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// A server that answers each command with the number of its connection. `FAIL` is
    /// an error, `HANG` has no answer and at `CLOSE` the server goes away.
    struct Server {
        address: String,
        connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
        acceptor: JoinHandle<()>,
    }

    impl Server {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("redis://{}", listener.local_addr().unwrap());
            let connections: Arc<Mutex<Vec<_>>> = Arc::default();
            let accepted = connections.clone();
            let acceptor = tokio::spawn(async move {
                let numbers = AtomicI64::new(0);
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let connection = tokio::spawn(async move {
                        let mut buffer = [0; 256];
                        while let Ok(1..) = stream.read(&mut buffer).await {
                            let command = String::from_utf8_lossy(&buffer);
                            let answer = match command.split_whitespace().nth(2) {
                                Some("FAIL") => "-ERR no\r\n".to_owned(),
                                Some("HANG") => continue,
                                Some("CLOSE") => return,
                                _ => format!(":{number}\r\n"),
                            };
                            stream.write_all(answer.as_bytes()).await.unwrap();
                        }
                    });
                    accepted.lock().unwrap().push(connection);
                }
            });
            Self {
                address,
                connections,
                acceptor,
            }
        }

        async fn close_all(&self) {
            let connections = std::mem::take(&mut *self.connections.lock().unwrap());
            for connection in connections {
                connection.abort();
                let _ = connection.await;
            }
        }

        async fn open(&self, pool: &Arc<Pool>) -> Connection {
            let client = Client::open(&*self.address).unwrap();
            pool.open(&self.address, client).await.unwrap()
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.acceptor.abort();
        }
    }

    /// Asks which connection this is.
    async fn number(connection: &mut Connection) -> i64 {
        let reply = connection.run(&cmd("GET"), false).await.unwrap();
        redis::from_redis_value(reply).unwrap()
    }

    #[tokio::test]
    async fn what_one_guest_is_done_with_the_next_one_gets() {
        let (server, pool) = (Server::start().await, Pool::start());
        for _ in 0..3 {
            let mut connection = server.open(&pool).await;
            assert_eq!(number(&mut connection).await, 0);
        }
    }

    #[tokio::test]
    async fn two_guests_never_share_a_connection() {
        let (server, pool) = (Server::start().await, Pool::start());
        drop(server.open(&pool).await);
        let (mut one, mut other) = (server.open(&pool).await, server.open(&pool).await);
        assert_eq!((number(&mut one).await, number(&mut other).await), (0, 1));
    }

    #[tokio::test]
    async fn addresses_that_differ_share_nothing() {
        let (server, pool) = (Server::start().await, Pool::start());
        drop(server.open(&pool).await);
        let address = format!("{}/?worker=other", server.address);
        let client = Client::open(&*address).unwrap();
        let mut other = pool.open(&address, client).await.unwrap();
        assert_eq!(number(&mut other).await, 1);
    }

    #[tokio::test]
    async fn a_connection_that_was_changed_or_failed_is_not_used_again() {
        let (server, pool) = (Server::start().await, Pool::start());
        let mut changed = server.open(&pool).await;
        changed.run(&cmd("SELECT"), true).await.unwrap();
        // It stays so, whatever comes after it.
        assert_eq!(number(&mut changed).await, 0);
        drop(changed);
        let mut failed = server.open(&pool).await;
        failed.run(&cmd("FAIL"), false).await.unwrap_err();
        assert_eq!(number(&mut failed).await, 1);
        drop(failed);
        assert_eq!(number(&mut server.open(&pool).await).await, 2);
    }

    #[tokio::test]
    async fn a_reply_that_was_not_waited_for_reaches_nobody_else() {
        let (server, pool) = (Server::start().await, Pool::start());
        let mut connection = server.open(&pool).await;
        let hangs = cmd("HANG");
        let mut asking = Box::pin(connection.run(&hangs, false));
        assert!(futures::poll!(asking.as_mut()).is_pending());
        drop(asking);
        drop(connection);
        assert_eq!(number(&mut server.open(&pool).await).await, 1);
    }

    #[tokio::test]
    async fn a_server_that_was_away_meanwhile_is_not_noticed() {
        let (server, pool) = (Server::start().await, Pool::start());
        number(&mut server.open(&pool).await).await;
        server.close_all().await;
        let mut connection = server.open(&pool).await;
        assert_eq!(number(&mut connection).await, 1);
        drop(connection);
        // It may also go after the connection was opened and before it is used.
        let mut connection = server.open(&pool).await;
        server.close_all().await;
        assert_eq!(number(&mut connection).await, 2);
    }

    #[tokio::test]
    async fn a_connection_that_broke_stays_broken() {
        let (server, pool) = (Server::start().await, Pool::start());
        let mut connection = server.open(&pool).await;
        number(&mut connection).await;
        connection.run(&cmd("CLOSE"), false).await.unwrap_err();
        // What was said on it before is lost, so a new one would not be the same.
        connection.run(&cmd("GET"), false).await.unwrap_err();
    }
}

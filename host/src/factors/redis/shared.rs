//! Connections that the guests of an application share.
//!
//! A guest's connection behaves as one of its own, as in Spin. As long as its commands
//! leave nothing behind and wait for nothing, they go over one connection to the server
//! together with those of other guests. At the first other command (`SELECT`, `MULTI`,
//! `BLPOP`) it gets a connection of its own and keeps that.

use std::collections::{HashMap, HashSet};
use std::net::Ipv6Addr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hosts::parse_url;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    Arg, AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, RedisResult, Value,
};
use tokio::runtime::{self, Handle};
use url::Url;

/// How long connecting may take, and how long sent data may stay unacknowledged before
/// the server counts as gone.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum age of a shared connection: names may come to mean other servers, and
/// passwords change.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The idle time after which a connection is checked before a guest gets it: the
/// server may have restarted.
const TRIED_AFTER: Duration = Duration::from_millis(100);
/// The maximum number of shared connections.
const MAX_SHARED: usize = 256;

/// Commands that leave a connection unchanged and are answered at once. All
/// others may change their connection or hold up later commands.
const SHARED: &str = "APPEND BITCOUNT BITFIELD BITOP BITPOS COPY DBSIZE DECR DECRBY DEL DUMP ECHO \
    EVAL EVALSHA EVALSHA_RO EVAL_RO EXISTS EXPIRE EXPIREAT EXPIRETIME FCALL FCALL_RO GET GETBIT \
    GETDEL GETEX GETRANGE GETSET HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET \
    HMSET HSCAN HSET HSETNX HSTRLEN HVALS INCR INCRBY INCRBYFLOAT INFO KEYS LINDEX LINSERT LLEN \
    LMOVE LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM MGET MSET MSETNX OBJECT PERSIST PEXPIRE \
    PEXPIREAT PEXPIRETIME PING PSETEX PTTL PUBLISH RENAME RENAMENX RPOP RPUSH RPUSHX SADD SCAN \
    SCARD SDIFF SET SETBIT SETEX SETNX SETRANGE SINTER SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP \
    SRANDMEMBER SREM SSCAN STRLEN SUNION TIME TOUCH TTL TYPE UNLINK XACK XADD XAUTOCLAIM XCLAIM \
    XDEL XGROUP XINFO XLEN XPENDING XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZLEXCOUNT \
    ZMSCORE ZPOPMAX ZPOPMIN ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYRANK \
    ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE";

fn may_share(command: &Cmd) -> bool {
    static NAMES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| SHARED.split_ascii_whitespace().collect());
    let Some(Arg::Simple(name)) = command.args_iter().next() else {
        return false;
    };
    let name = str::from_utf8(name).map(str::to_ascii_uppercase);
    name.is_ok_and(|name| NAMES.contains(&*name))
}

/// An address, parsed.
pub struct Target {
    address: String,
    client: Client,
    server: Url,
}

impl Target {
    /// Parses an address; none if it names no server.
    fn parse(address: &str) -> Option<Self> {
        let client = Client::open(address).ok()?;
        let server = server(&client)?;
        Some(Self {
            address: address.to_owned(),
            client,
            server,
        })
    }

    /// The server, as a URL without secrets.
    pub fn server(&self) -> &Url {
        &self.server
    }
}

/// The server of a connection. It is read from the parsed client and not from the address,
/// for two parsers of a URL may disagree. Sockets of this machine are no servers.
fn server(client: &Client) -> Option<Url> {
    let (scheme, host, port) = match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) => ("redis", host, port),
        ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, port),
        _ => return None,
    };
    let server = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("{scheme}://[{address}]:{port}"),
        Err(_) => format!("{scheme}://{host}:{port}"),
    };
    parse_url(&server, scheme)
}

/// The connections that are shared, by address. Each runtime has its own, for a reply that
/// arrives on another thread would have to wake the guest's.
#[derive(Default)]
pub struct Connections(Mutex<HashMap<Key, Shared>>);

type Key = (runtime::Id, String);

fn key(address: &str) -> Key {
    (Handle::current().id(), address.to_owned())
}

struct Shared {
    target: Arc<Target>,
    wire: MultiplexedConnection,
    opened: Instant,
    used: Instant,
}

impl std::fmt::Debug for Connections {
    // Addresses may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connections")
    }
}

impl Connections {
    /// Parses an address, unless a connection to it is shared; none if it names no server.
    pub fn target(&self, address: &str) -> Option<Arc<Target>> {
        let shared = self
            .all()
            .get(&key(address))
            .map(|shared| shared.target.clone());
        shared.or_else(|| Target::parse(address).map(Arc::new))
    }

    /// A connection.
    ///
    /// # Errors
    /// The server can't be reached, or refuses the address's password or database.
    pub async fn open(self: &Arc<Self>, target: Arc<Target>) -> RedisResult<Connection> {
        let (wire, opened) = match self.find(&target.address).await {
            Some(found) => found,
            None => {
                let (wire, now) = (connect(&target.client).await?, Instant::now());
                self.keep(&target, wire.clone(), now);
                (wire, now)
            }
        };
        Ok(Connection {
            wire,
            shared: Some(opened),
            target,
            connections: self.clone(),
        })
    }

    async fn find(&self, address: &str) -> Option<(MultiplexedConnection, Instant)> {
        let now = Instant::now();
        let (mut wire, opened, unused) = {
            let mut all = self.all();
            let shared = all.get_mut(&key(address))?;
            if shared.opened.elapsed() >= MAX_AGE {
                return None;
            }
            let unused = now - std::mem::replace(&mut shared.used, now);
            (shared.wire.clone(), shared.opened, unused)
        };
        if unused >= TRIED_AFTER {
            wire.send_packed_command(&redis::cmd("PING")).await.ok()?;
        }
        Some((wire, opened))
    }

    fn keep(&self, target: &Arc<Target>, wire: MultiplexedConnection, now: Instant) {
        let mut all = self.all();
        all.retain(|_, shared| shared.opened.elapsed() < MAX_AGE);
        if all.len() < MAX_SHARED {
            let shared = Shared {
                target: target.clone(),
                wire,
                opened: now,
                used: now,
            };
            all.insert(key(&target.address), shared);
        }
    }

    /// Stops sharing a connection, if it is shared.
    fn forget(&self, address: &str, opened: Instant) {
        let (key, mut all) = (key(address), self.all());
        if all.get(&key).is_some_and(|shared| shared.opened == opened) {
            all.remove(&key);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // Commands are written whole; waiting for more would only delay them.
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_user_timeout(TIMEOUT);
    let info = client.get_connection_info().clone().set_tcp_settings(tcp);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(None);
    Client::open(info.into_connection_info()?)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// A connection of one guest.
pub struct Connection {
    wire: MultiplexedConnection,
    /// The opening time of the connection, while others use it too.
    shared: Option<Instant>,
    target: Arc<Target>,
    connections: Arc<Connections>,
}

impl Connection {
    /// Runs a command.
    ///
    /// # Errors
    /// The connection is lost, and the command may or may not have been done; or the
    /// server answers with an error.
    pub async fn run(&mut self, command: &Cmd) -> RedisResult<Value> {
        if self.shared.is_some() && !may_share(command) {
            self.wire = connect(&self.target.client).await?;
            self.shared = None;
        }
        let reply = self.wire.send_packed_command(command).await;
        let reply = reply.and_then(Value::extract_error);
        // The error may concern the server as a whole: it has become a replica, for example.
        if let (Err(_), Some(opened)) = (&reply, self.shared) {
            self.connections.forget(&self.target.address, opened);
        }
        reply
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

    /// A server that answers each command with the number of its connection. `ECHO` is
    /// an error, `BLPOP` and `DUMP` have no answer, and at `TIME` it goes away.
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
                        let mut buffer = [0; 1024];
                        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                            let read = String::from_utf8_lossy(&buffer[..read]);
                            for command in read.split('*').skip(1) {
                                let answer = match command.split_whitespace().nth(2) {
                                    Some("ECHO") => "-ERR no\r\n".to_owned(),
                                    Some("BLPOP" | "DUMP") => continue,
                                    Some("TIME") => return,
                                    _ => format!(":{number}\r\n"),
                                };
                                stream.write_all(answer.as_bytes()).await.unwrap();
                            }
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

        async fn open(&self, connections: &Arc<Connections>) -> Connection {
            let target = connections.target(&self.address).unwrap();
            connections.open(target).await.unwrap()
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.acceptor.abort();
        }
    }

    /// Asks for the number of this connection.
    async fn number(connection: &mut Connection) -> i64 {
        let reply = connection.run(&cmd("GET")).await.unwrap();
        redis::from_redis_value(reply).unwrap()
    }

    #[test]
    fn what_is_checked_is_what_is_connected_to() {
        let checked = |address: &str| Some(Target::parse(address)?.server.to_string());
        for (address, expected) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("redis://user:secret@cache:7000/2", "redis://cache:7000"),
            ("redis://[::1]:7000", "redis://[::1]:7000"),
            (
                "redis://evil.com:6379?@127.0.0.1:6379",
                "redis://evil.com:6379",
            ),
            (
                "redis://evil.com:6379#@127.0.0.1:6379",
                "redis://evil.com:6379",
            ),
            ("redis:\t//evil.com", "redis://evil.com:6379"),
        ] {
            assert_eq!(checked(address).as_deref(), Some(expected), "{address}");
        }
        assert_eq!(checked("unix:///run/redis.sock"), None);
    }

    #[tokio::test]
    async fn guests_share_a_connection_to_the_same_address_alone() {
        let (server, all) = (Server::start().await, Arc::default());
        let (mut one, mut other) = (server.open(&all).await, server.open(&all).await);
        assert_eq!((number(&mut one).await, number(&mut other).await), (0, 0));
        let address = format!("{}/?worker=other", server.address);
        let target = all.target(&address).unwrap();
        let mut elsewhere = all.open(target).await.unwrap();
        assert_eq!(number(&mut elsewhere).await, 1);
    }

    #[tokio::test]
    async fn who_changes_a_connection_has_it_alone_from_then_on() {
        let (server, all) = (Server::start().await, Arc::default());
        let (mut changed, mut other) = (server.open(&all).await, server.open(&all).await);
        changed.run(&cmd("select")).await.unwrap();
        assert_eq!(number(&mut changed).await, 1);
        assert_eq!(number(&mut other).await, 0);
        assert_eq!(number(&mut server.open(&all).await).await, 0);
    }

    #[tokio::test]
    async fn who_waits_for_a_key_holds_up_nobody() {
        let (server, all) = (Server::start().await, Arc::default());
        let mut waits = server.open(&all).await;
        let command = cmd("BLPOP");
        let mut asking = Box::pin(waits.run(&command));
        assert!(futures::poll!(asking.as_mut()).is_pending());
        assert_eq!(number(&mut server.open(&all).await).await, 0);
    }

    #[tokio::test]
    async fn after_an_error_the_next_guest_gets_another_connection() {
        let (server, all) = (Server::start().await, Arc::default());
        let mut failed = server.open(&all).await;
        failed.run(&cmd("ECHO")).await.unwrap_err();
        assert_eq!(number(&mut failed).await, 0);
        assert_eq!(number(&mut server.open(&all).await).await, 1);
    }

    #[tokio::test]
    async fn a_server_that_was_away_meanwhile_is_not_noticed() {
        let (server, all) = (Server::start().await, Arc::default());
        number(&mut server.open(&all).await).await;
        server.close_all().await;
        tokio::time::sleep(TRIED_AFTER).await;
        assert_eq!(number(&mut server.open(&all).await).await, 1);
    }

    #[tokio::test]
    async fn a_connection_that_broke_stays_broken() {
        let (server, all) = (Server::start().await, Arc::default());
        let mut connection = server.open(&all).await;
        connection.run(&cmd("TIME")).await.unwrap_err();
        // Earlier commands on it may be lost, so a new connection would not be the same.
        connection.run(&cmd("GET")).await.unwrap_err();
        assert_eq!(number(&mut server.open(&all).await).await, 1);
    }
}

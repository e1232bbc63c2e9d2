use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpSocket;
use url::Url;

use crate::{Error, Result, error::At};

/// The project's configuration, in which each line says why it is there.
const CONFIG: &str = include_str!("../../deploy/redis.conf");

/// The max time for Redis to load its data, and to end when asked to.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of tries to find a free port: another program may take it first.
const PORT_ATTEMPTS: usize = 5;

/// How to start a [`Redis`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// The folder of the data, the log and the configuration. It is made if it does
    /// not exist.
    pub data_dir: PathBuf,
    /// The port on loopback; `None` is any free one.
    pub port: Option<u16>,
    /// The program, by path or looked for in `PATH`.
    pub program: String,
    /// Settings that differ from `deploy/redis.conf`, each a name and a value,
    /// such as `appendfsync` and `always`.
    pub settings: Vec<(String, String)>,
}

impl RedisOptions {
    /// `redis-server` on any free port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            port: None,
            program: "redis-server".into(),
            settings: Vec::new(),
        }
    }
}

/// A Redis: one that was started here and stops when it is dropped, or one
/// that runs elsewhere.
#[derive(Debug)]
pub struct Redis {
    url: Url,
    managed: Option<Managed>,
}

#[derive(Debug)]
struct Managed {
    options: RedisOptions,
    port: u16,
    /// Keeps the port while Redis is down.
    _held: Option<TcpSocket>,
    running: Mutex<Option<Running>>,
}

/// The process, and a guard that ends it if this process dies.
#[derive(Debug)]
struct Running {
    server: Child,
    guard: Child,
}

impl Redis {
    /// Starts `redis-server` with `deploy/redis.conf` and waits until it answers.
    ///
    /// # Errors
    /// Redis is not installed, does not start, or its folder can't be used.
    pub async fn start(options: RedisOptions) -> Result<Self> {
        let attempts = if options.port.is_some() {
            1
        } else {
            PORT_ATTEMPTS
        };
        let mut attempt = 1;
        loop {
            let (port, held) = match options.port {
                Some(port) => (port, None),
                None => free_port()?,
            };
            let managed = Managed {
                options: options.clone(),
                port,
                _held: held,
                running: Mutex::new(None),
            };
            match managed.launch().await {
                Ok(()) => {
                    return Ok(Self {
                        url: loopback(port)?,
                        managed: Some(managed),
                    });
                }
                Err(Error::RedisStart { .. }) if attempt < attempts => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Uses a running Redis, and warns if its settings keep timers from waking workers.
    ///
    /// # Errors
    /// The URL is not a Redis URL, or no server answers there.
    pub async fn external(url: &str) -> Result<Self> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| ["redis", "rediss"].contains(&url.scheme()) && url.has_host())
            // The application's triggers listen to the events of database 0.
            .filter(|url| ["", "/", "/0"].contains(&url.path()))
            .ok_or_else(|| {
                Error::Option(
                    "REDIS_URL must look like redis://[user:password@]host:port, without a database"
                        .into(),
                )
            })?;
        let this = Self { url, managed: None };
        let unreachable = |error: redis::RedisError| Error::RedisUnreachable {
            address: this.host(),
            reason: error.to_string(),
        };
        let client = redis::Client::open(this.url.as_str()).map_err(unreachable)?;
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(unreachable)?;
        let () = redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .map_err(unreachable)?;
        // A hosted Redis may hide its configuration; then no fault is known.
        let events: Result<(String, String), _> = redis::cmd("CONFIG")
            .arg(&["GET", "notify-keyspace-events"])
            .query_async(&mut connection)
            .await;
        if let Ok((_, events)) = events
            && !(events.contains('E') && (events.contains('x') || events.contains('A')))
        {
            tracing::warn!(
                redis = this.host(),
                "retries will be late: set notify-keyspace-events to Ex, see deploy/redis.conf"
            );
        }
        Ok(this)
    }

    /// Its URL, credentials included.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// `redis`, or `rediss` for TLS: the variable `redis_scheme`.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// `host:port`: the variable `redis_host`.
    pub fn host(&self) -> String {
        format!(
            "{}:{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port().unwrap_or(6379)
        )
    }

    /// `user:password@`, or nothing: the variable `redis_credentials`.
    pub fn credentials(&self) -> String {
        match (self.url.username(), self.url.password()) {
            ("", None) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(password)) => format!("{user}:{password}@"),
        }
    }

    /// The log of a Redis that was started here.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.managed.as_ref().map(Managed::log_file)
    }

    /// Stops Redis; its port and data stay for [`Redis::restart`].
    ///
    /// # Errors
    /// [`Error::RedisExternal`] if Redis runs elsewhere.
    pub async fn stop(&self) -> Result<()> {
        self.managed()?.end_later().await;
        Ok(())
    }

    /// Kills Redis (SIGKILL), as a crash would; its port and data stay for [`Redis::restart`].
    ///
    /// # Errors
    /// [`Error::RedisExternal`] if Redis runs elsewhere.
    pub async fn kill(&self) -> Result<()> {
        let managed = self.managed()?;
        if let Some(running) = managed.running().as_mut() {
            // Fails only if it has ended already.
            let _ = running.server.kill();
        }
        managed.end_later().await;
        Ok(())
    }

    /// Starts Redis again on its port with its data, after stopping it if it runs.
    ///
    /// # Errors
    /// Redis runs elsewhere or does not start.
    pub async fn restart(&self) -> Result<()> {
        let managed = self.managed()?;
        managed.end_later().await;
        managed.launch().await
    }

    fn managed(&self) -> Result<&Managed> {
        self.managed.as_ref().ok_or(Error::RedisExternal)
    }
}

impl Managed {
    fn log_file(&self) -> PathBuf {
        self.options.data_dir.join("redis.log")
    }

    async fn launch(&self) -> Result<()> {
        let running = self.spawn()?;
        // From here on, dropping `self` ends the process.
        *self.running() = Some(running);
        let ready = self.wait_until_ready().await;
        if ready.is_err() {
            self.end_later().await;
        }
        ready
    }

    fn spawn(&self) -> Result<Running> {
        let dir = &self.options.data_dir;
        std::fs::create_dir_all(dir).at(dir)?;
        let dir = dir.canonicalize().at(dir)?;
        let config = dir.join("redis.conf");
        std::fs::write(&config, CONFIG).at(&config)?;
        let port = self.port.to_string();
        let missing = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::RedisMissing {
                program: self.options.program.clone(),
            },
            _ => Error::File {
                path: self.options.program.clone().into(),
                source,
            },
        };
        let settings = self.options.settings.iter();
        let settings = settings.flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
        // A process group of its own keeps Ctrl-C away from Redis: it ends after the application.
        let server = Command::new(&self.options.program)
            .arg(&config)
            .args(["--port", &port])
            .arg("--dir")
            .arg(&dir)
            .arg("--logfile")
            .arg(dir.join("redis.log"))
            .args(["--daemonize", "no"])
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(missing)?;
        // The pipe closes when this process ends, also by a kill.
        let guard = Command::new("sh")
            .args(["-c", "read -r _; kill \"$1\"", "sh"])
            .arg(server.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .at(Path::new("sh"));
        match guard {
            Ok(guard) => Ok(Running { server, guard }),
            Err(error) => {
                end(server);
                Err(error)
            }
        }
    }

    async fn wait_until_ready(&self) -> Result<()> {
        let failed = |reason: String| Error::RedisStart {
            reason,
            log: self.log_file(),
        };
        let client = redis::Client::open(loopback(self.port)?.as_str())
            .map_err(|error| failed(error.to_string()))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (ours, ended) = match self.running().as_mut() {
                Some(Running { server, .. }) => (
                    server.id(),
                    server
                        .try_wait()
                        .map_err(|error| failed(error.to_string()))?,
                ),
                None => return Err(failed("it was stopped".into())),
            };
            if let Some(status) = ended {
                return Err(failed(format!("it ended with {status}")));
            }
            let reason = match process_id(&client).await {
                Ok(id) if id == ours => return Ok(()),
                Ok(_) => "another Redis has its port".to_owned(),
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(failed(reason));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends Redis away from the threads that serve requests.
    async fn end_later(&self) {
        let running = self.running().take();
        let ending = tokio::task::spawn_blocking(move || drop(running));
        if let Err(error) = ending.await {
            tracing::error!(%error, "Redis was not stopped in order");
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The guard goes first: afterwards the id may be another process's.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        end_child(&mut self.server);
    }
}

fn end(mut child: Child) {
    end_child(&mut child);
}

/// Asks a process to end, waits, and kills it when it does not.
fn end_child(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Fails only if it has ended already.
        let _ = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The process id of the server, once it has loaded its data.
async fn process_id(client: &redis::Client) -> redis::RedisResult<u32> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = redis::cmd("PING").query_async(&mut connection).await?;
    let info: redis::InfoDict = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut connection)
        .await?;
    Ok(info.get("process_id").unwrap_or_default())
}

/// A free port on loopback, and the socket that has it.
///
/// The socket never listens, so that on Linux a server that sets `SO_REUSEADDR`, as Redis
/// does, may listen on the port; the kernel gives it to no program that asks for any free
/// port. Other systems refuse the server: there the socket is closed.
fn free_port() -> Result<(u16, Option<TcpSocket>)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let port = socket.local_addr()?.port();
        Ok((port, cfg!(target_os = "linux").then_some(socket)))
    };
    bind().map_err(|source| Error::Listen { address, source })
}

fn loopback(port: u16) -> Result<Url> {
    Url::parse(&format!("redis://127.0.0.1:{port}"))
        .map_err(|error| Error::Option(error.to_string()))
}

//! One connection to a Redis server, which does one command at a time.
//!
//! There is no task behind it: whoever sends a command reads its reply, so that
//! nothing has to be handed from one thread to another.

use std::mem::MaybeUninit;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use combine::parser::combinator::AnySendSyncPartialState;
use combine::stream::{Decoder, PointerOffset};
use futures::future::select_ok;
use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion, PushKind, RedisConnectionInfo,
    RedisError, RedisResult, Value, cmd, parse_redis_value_async,
};
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long what was sent may stay without the other end's word that it arrived.
const UNHEARD_TIME: Duration = Duration::from_secs(10);

type Replies = Decoder<AnySendSyncPartialState, PointerOffset<[u8]>>;

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that is ready for commands.
pub struct Wire {
    stream: Stream,
    replies: Replies,
    opened: Instant,
}

impl Wire {
    /// Connects, signs in and selects the database, as the address says.
    pub async fn open(info: &ConnectionInfo) -> RedisResult<Self> {
        let opening = async {
            let mut wire = Self {
                stream: connect(info.addr()).await?,
                replies: Decoder::new(),
                opened: Instant::now(),
            };
            wire.introduce(info.redis_settings()).await?;
            Ok(wire)
        };
        let late = |_| RedisError::from((ErrorKind::Io, "the server doesn't answer in time"));
        timeout(CONNECT_TIME, opening).await.map_err(late)?
    }

    async fn introduce(&mut self, settings: &RedisConnectionInfo) -> RedisResult<()> {
        let name = settings.username();
        if settings.protocol() != ProtocolVersion::RESP2 {
            let mut hello = cmd("HELLO");
            hello.arg("3");
            if let Some(password) = settings.password() {
                hello
                    .arg("AUTH")
                    .arg(name.unwrap_or("default"))
                    .arg(password);
            }
            self.ask(&hello).await?.extract_error()?;
        } else if let Some(password) = settings.password() {
            let mut auth = cmd("AUTH");
            auth.arg(name).arg(password);
            self.ask(&auth).await?.extract_error()?;
        }
        if settings.db() != 0 {
            let mut select = cmd("SELECT");
            select.arg(settings.db());
            self.ask(&select).await?.extract_error()?;
        }
        Ok(())
    }

    /// Sends a command and reads its reply. Where this fails, or is not waited for to
    /// its end, the connection is of no use any more.
    pub async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        let command = command.get_packed_command();
        match &mut self.stream {
            Stream::Tcp(stream) => exchange(stream, &mut self.replies, &command).await,
            Stream::Tls(stream) => exchange(stream, &mut self.replies, &command).await,
        }
    }

    /// Whether the server still holds its end, and has said nothing unasked. The
    /// kernel is asked, for it may know what the runtime has not heard of yet.
    pub fn is_open(&self) -> bool {
        let socket = match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        let waiting = SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]);
        waiting.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Makes it as it was when it was opened, without the room that large replies
    /// took; `None` if there is something left of a reply.
    pub fn emptied(self) -> Option<Self> {
        self.replies.buffer().is_empty().then(|| Self {
            replies: Decoder::new(),
            ..self
        })
    }

    /// How long ago it was opened.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    replies: &mut Replies,
    command: &[u8],
) -> RedisResult<Value> {
    stream.write_all(command).await?;
    stream.flush().await?;
    loop {
        let reply = parse_redis_value_async(replies, stream).await?;
        // News of subscriptions and tracked keys come in between, and are no reply.
        let is_news = matches!(
            &reply,
            Value::Push {
                kind: PushKind::Message
                    | PushKind::PMessage
                    | PushKind::SMessage
                    | PushKind::Invalidate
                    | PushKind::Other(_),
                ..
            }
        );
        if !is_news {
            return Ok(reply);
        }
    }
}

async fn connect(address: &ConnectionAddr) -> RedisResult<Stream> {
    match address {
        ConnectionAddr::Tcp(host, port) => Ok(Stream::Tcp(connect_tcp(host, *port).await?)),
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            ..
        } => {
            let invalid = |_| unsupported("the host's name can't be in a certificate");
            let name = ServerName::try_from(host.clone()).map_err(invalid)?;
            let stream = connect_tcp(host, *port).await?;
            let stream = TlsConnector::from(tls()).connect(name, stream).await?;
            Ok(Stream::Tls(Box::new(stream)))
        }
        _ => Err(unsupported("only verified TLS and plain TCP are supported")),
    }
}

async fn connect_tcp(host: &str, port: u16) -> RedisResult<TcpStream> {
    // All of its addresses at once: one of them may lead nowhere.
    let addresses = lookup_host((host, port)).await?;
    let attempts: Vec<_> = addresses
        .map(|address| Box::pin(TcpStream::connect(address)))
        .collect();
    if attempts.is_empty() {
        return Err(RedisError::from((ErrorKind::Io, "the host has no address")));
    }
    let (stream, _) = select_ok(attempts).await?;
    // A server that is gone without a word must not be taken for a slow one.
    let patience = u32::try_from(UNHEARD_TIME.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, patience).map_err(std::io::Error::from)?;
    // Commands are written whole; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn unsupported(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, what))
}

/// Servers have certificates that browsers would take.
fn tls() -> Arc<ClientConfig> {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    });
    CONFIG.clone()
}

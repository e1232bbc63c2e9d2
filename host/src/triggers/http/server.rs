//! Accepts connections and ends them after their last response.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::HttpService;
use super::threads::{Thread, Threads};
use super::transport::{Activity, AnswerBody, Transport};
use crate::limits::Limits;

/// The pause before another try when no connection can be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The maximum size of a request's head, and of the part of a body that is read
/// before the guest asks for it, in bytes.
const BUFFER: u32 = 64 << 10;
/// The maximum number of requests in hand on an HTTP/2 connection.
const STREAMS: u32 = 100;
/// The time between two pings of an HTTP/2 client.
const PING: Duration = Duration::from_secs(10);

/// The task that accepts connections, and the threads that serve them.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
    _threads: Threads,
}

impl Server {
    /// Starts to accept connections, until `stop` changes.
    ///
    /// # Errors
    /// The machine gives no more threads or files.
    pub fn start(
        listener: TcpListener,
        service: Arc<HttpService>,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let protocols = Arc::new(protocols());
        let connections = Connections {
            service,
            protocols,
            limits,
            stop,
        };
        let threads = Threads::start()?;
        Ok(Self {
            task: tokio::spawn(connections.accept(listener, threads.all())),
            _threads: threads,
        })
    }

    /// Waits until the last connection has its response, after `stop` has changed.
    pub async fn stopped(&mut self) {
        // Fails only by a panic, which has been reported.
        let _ = (&mut self.task).await;
    }

    /// Ends all remaining connections at once.
    pub fn abort(&self) {
        self.task.abort();
    }
}

/// Runs the streams of HTTP/2 connections on the runtime of the whole process: one connection
/// may have as many requests in hand as all threads can work on.
#[derive(Clone)]
struct Streams(Handle);

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// HTTP/1 and HTTP/2. [`Transport`] limits the time for heads.
fn protocols() -> Builder<Streams> {
    let mut builder = Builder::new(Streams(Handle::current()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(BUFFER as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .initial_connection_window_size(BUFFER)
        .initial_stream_window_size(BUFFER);
    builder
}

#[derive(Clone)]
struct Connections {
    service: Arc<HttpService>,
    protocols: Arc<Builder<Streams>>,
    limits: Limits,
    stop: watch::Receiver<bool>,
}

impl Connections {
    async fn accept(mut self, listener: TcpListener, threads: Arc<[Thread]>) {
        let places = Arc::new(Semaphore::new(self.limits.max_connections.max(1)));
        // Dropping the set ends the connections in it.
        let mut connections = JoinSet::new();
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await;
                let (stream, client) = listener.accept().await?;
                // Leaves this runtime: the thread has one of its own.
                Ok((place, stream.into_std()?, client))
            };
            let accepted: io::Result<_> = tokio::select! {
                accepted = accepted => accepted,
                _ = self.stop.changed() => break,
            };
            let (place, stream, client) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // There may be too many open files, for example, and others may close meanwhile.
                    tracing::warn!("can't accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let Some(thread) = Thread::least_busy(&threads) else {
                break;
            };
            let runtime = thread.runtime.clone();
            let serving = self.clone().serve(stream, client);
            let serving = async move {
                serving.await;
                drop((place, thread));
            };
            connections.spawn_on(serving, &runtime);
        }
        drop(listener);
        connections.join_all().await;
    }

    async fn serve(mut self, stream: std::net::TcpStream, client: std::net::SocketAddr) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!("can't serve a connection: {error}");
                return;
            }
        };
        // Responses are written whole; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("can't set TCP_NODELAY: {error}");
        }
        let activity = Arc::new(Activity::default());
        let transport = Transport::new(stream, activity.clone(), &self.limits);
        let service = self.service;
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, activity) = (service.clone(), activity.clone());
            let in_hand = activity.begin();
            async move {
                let response = service.answer(request, client, activity).await;
                Ok::<_, Infallible>(response.map(|body| AnswerBody::new(body, in_hand)))
            }
        });
        let connection = self
            .protocols
            .serve_connection(TokioIo::new(transport), answer);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.stop.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%client, "a connection ended early: {error}");
        }
    }
}

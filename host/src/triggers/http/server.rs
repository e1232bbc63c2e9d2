//! Listens for connections and lets them end well.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use wasmtime_wasi_http::Error;

use super::HttpService;

/// How long a client may take to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// The task that accepts connections.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to accept connections, until `stop` changes.
    pub fn start(
        listener: TcpListener,
        service: Arc<HttpService>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            task: tokio::spawn(serve(listener, service, stop)),
        }
    }

    /// Waits until the last connection has had its answer, after `stop` has changed.
    pub async fn stopped(&mut self) {
        // It fails only by a panic, which has been reported.
        let _ = (&mut self.task).await;
    }

    /// Ends what is left at once.
    pub fn abort(&self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, service: Arc<HttpService>, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    // Dropping the set ends the connections in it.
    let mut connections = JoinSet::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIME);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: others may end meanwhile.
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // Answers are written whole; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("can't set TCP_NODELAY: {error}");
        }
        let service = service.clone();
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let service = service.clone();
            async move {
                let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
                Ok::<_, Infallible>(service.answer(request, client).await)
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), answer)
            .into_owned();
        let connection = graceful.watch(connection);
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%client, "a connection ended early: {error}");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    connections.join_all().await;
}

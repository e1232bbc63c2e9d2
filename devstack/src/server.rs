use std::{net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::{Error, Result};

/// The max time that requests in flight may take when a server stops.
const DRAIN: Duration = Duration::from_secs(5);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The address of the client, an extension of every request that a [`Server`] takes.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// An HTTP/1.1 server on a TCP port of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on `address` (port 0: any free port) and answers with `service`.
    /// A service that answers with an error closes the connection instead.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address can't be used.
    pub async fn start<S, B>(address: SocketAddr, service: S) -> Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let stopping = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, service, stopping.clone()));
        Ok(Self {
            address: bound,
            stopping,
            accepting,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, lets requests in flight finish (up to five seconds)
    /// and closes all connections.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "a server failed while it stopped");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<S, B>(listener: TcpListener, service: S, stopping: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    // Dropped with this task, which closes the open connections.
    let mut connections = tokio::task::JoinSet::new();
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let service = service.clone();
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            hyper::service::service_fn(move |mut request| {
                request.extensions_mut().insert(Peer(peer));
                service.clone().oneshot(request)
            }),
        );
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still running and have been cut off");
    }
}

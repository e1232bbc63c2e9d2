//! Connections to other servers, which the instances of an application share: with TLS, a
//! new one costs more than most requests. Requests carry their credentials themselves, so a
//! connection tells nothing of whose request came before.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::per_runtime::PerRuntime;

/// The time after which an idle connection is closed; servers keep theirs longer.
const IDLE: Duration = Duration::from_secs(10);

/// The idle connections that are kept for one server.
const MAX_IDLE: usize = 64;

/// The time of a step for which a guest sets none, as in `wasmtime-wasi-http`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Sends requests over HTTP/1.1, with the roots of trust of Mozilla. Clones share their
/// connections.
#[derive(Clone, Debug, Default)]
pub struct HttpClient(Arc<PerRuntime<Pool>>);

/// The connections of a runtime.
#[derive(Clone, Debug)]
struct Pool(Client<HttpsConnector<HttpConnector>, WasiBody>);

impl Default for Pool {
    fn default() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        // The connector around it decides by the scheme.
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self(client)
    }
}

impl HttpClient {
    /// Sends a request. A request is sent again by itself only where its connection was
    /// closed before any of it was written.
    ///
    /// # Errors
    /// No connection, no head of an answer within the times of `options`, or an answer that
    /// is not HTTP.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        let time = |time: Option<Duration>| time.unwrap_or(DEFAULT_TIMEOUT);
        let connect = time(options.and_then(|options| options.connect_timeout));
        let first_byte = time(options.and_then(|options| options.first_byte_timeout));
        let between_bytes = time(options.and_then(|options| options.between_bytes_timeout));
        // Whether a connection is opened for the request is known to the pool only.
        let Pool(client) = self.0.get(Pool::default);
        let head = timeout(connect.saturating_add(first_byte), client.request(request));
        let response = head.await.map_err(|_| Error::ConnectionReadTimeout)?;
        let response = response.map_err(|error| failure(&error))?;
        Ok(response.map(|incoming| {
            let body = Timed {
                incoming,
                limit: between_bytes,
                timer: Box::pin(sleep(between_bytes)),
            };
            body.boxed_unsync()
        }))
    }
}

/// A body that fails where nothing comes for a while.
struct Timed {
    incoming: Incoming,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.limit;
                self.timer.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => {
                ready!(self.timer.as_mut().poll(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The error of WASI for one of the client.
fn failure(error: &legacy::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let text = io::Error::new(error.kind(), error.to_string());
            return match is_of_tls(error) {
                true => Error::Tls(text),
                false => Error::Connect(text),
            };
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return match error.is_incomplete_message() || error.is_closed() {
                true => Error::ConnectionTerminated,
                false => Error::HttpProtocolError,
            };
        }
        cause = error.source();
    }
    match error.is_connect() {
        true => Error::Connect(io::Error::other(error.to_string())),
        // The pool refuses a URL without scheme or host.
        false => Error::HttpRequestUriInvalid,
    }
}

/// Whether an error comes from TLS. Layers wrap it in further errors of I/O.
fn is_of_tls(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref().is_some_and(is_of_tls)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// The action of a server after its answer.
    #[derive(Clone, Copy, PartialEq)]
    enum Then {
        Keep,
        Close,
    }

    /// A server that gives this answer to each request, and counts its connections.
    async fn serve(answer: &'static str, then: Then) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    while connection.read_buf(&mut read).await.unwrap_or(0) > 0 {
                        // The head of a request, or the start of TLS.
                        if read.ends_with(b"\r\n\r\n") || read.starts_with(&[0x16]) {
                            read.clear();
                            connection.write_all(answer.as_bytes()).await.unwrap();
                            if then == Then::Close {
                                break;
                            }
                        }
                    }
                });
            }
        });
        (address.to_string(), connections)
    }

    async fn get(client: &HttpClient, url: &str) -> Result<Bytes, Error> {
        let body = Empty::new().map_err(|error| match error {}).boxed_unsync();
        let options = RequestOptions {
            connect_timeout: Some(Duration::from_secs(5)),
            first_byte_timeout: Some(Duration::from_secs(5)),
            between_bytes_timeout: Some(Duration::from_millis(100)),
        };
        let request = Request::get(url).body(body).unwrap();
        let response = client.send(request, Some(options)).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// The connections that five requests take, one after the other.
    async fn connections_for_five(then: Then) -> usize {
        let (host, connections) = serve(OK, then).await;
        let client = HttpClient::default();
        for _ in 0..5 {
            let body = get(&client, &format!("http://{host}/")).await.unwrap();
            assert_eq!(body, "ok");
        }
        connections.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_connection_serves_one_request_after_the_other() {
        assert_eq!(connections_for_five(Then::Keep).await, 1);
    }

    #[tokio::test]
    async fn a_connection_that_its_server_closes_costs_no_request() {
        assert_eq!(connections_for_five(Then::Close).await, 5);
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        let client = HttpClient::default();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = free.local_addr().unwrap();
        drop(free);
        let error = get(&client, &format!("http://{refusing}/")).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, Error::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused),
            "{error:?}"
        );

        let (plain, _) = serve(OK, Then::Close).await;
        let error = get(&client, &format!("https://{plain}/")).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");

        for (answer, then, expected) in [
            ("", Then::Close, "connection terminated"),
            ("SSH-2.0-x\r\n\r\n", Then::Keep, "HTTP protocol error"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
                Then::Keep,
                "connection read timeout",
            ),
        ] {
            let (host, _) = serve(answer, then).await;
            let error = get(&client, &format!("http://{host}/")).await;
            assert_eq!(error.unwrap_err().to_string(), expected, "{answer}");
        }
        let error = get(&client, "/no-host").await.unwrap_err();
        assert!(matches!(error, Error::HttpRequestUriInvalid), "{error:?}");
    }
}

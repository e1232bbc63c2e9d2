use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::LocalBoxStream;
use futures::{SinkExt, Stream, StreamExt};
use http::header::CONTENT_LENGTH;
use http::{Method, Uri};
use spin_sdk::http::conversions::TryIntoOutgoingRequest;
use spin_sdk::http::{ErrorCode, IncomingResponse};
use spin_sdk::wit::wasi::http0_2_0::types::{IoError, http_error_code};

use crate::exchange::{FIRST_BYTE, exchange};
use crate::{Error, Transport};

/// The transport of the Spin runtime (`wasi:http/outgoing-handler`). A request fails if the
/// service does not accept the connection within 5 s, begin its answer within 7 s, or send
/// each next piece within 10 s. Await it inside [`spin_sdk::http::run`] or a Spin handler.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spin;

/// [`Spin`] with another limit for the beginning of the answer.
#[derive(Debug, Clone, Copy)]
pub struct SpinWithin(
    /// The max time until the answer begins.
    pub Duration,
);

impl Transport for Spin {
    type Body = Body;

    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Body>, Error> {
        send(request, FIRST_BYTE).await
    }
}

impl Transport for SpinWithin {
    type Body = Body;

    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Body>, Error> {
        send(request, self.0).await
    }
}

async fn send(
    request: http::Request<Vec<u8>>,
    first_byte: Duration,
) -> Result<http::Response<Body>, Error> {
    let host = host(request.uri());
    let request = with_length(request);
    let (request, body) = request
        .try_into_outgoing_request()
        .map_err(|error| Error::Invalid {
            host: host.clone(),
            reason: error.to_string(),
        })?;

    let mut sink = request.take_body();
    let write = async move {
        // Ignored: a write fails if the runtime gave up on the request, and then the
        // response has the reason.
        _ = sink.send(body.unwrap_or_default()).await;
    };
    let response = match select(pin!(exchange(request, first_byte)), pin!(write)).await {
        Either::Left((response, _unread_body)) => response,
        Either::Right(((), response)) => response.await,
    };
    let response = response.map_err(|code| send_error(&host, &code))?;

    let mut head = http::Response::builder().status(response.status());
    for (name, value) in response.headers().entries() {
        head = head.header(name, value);
    }
    let broken_host = host.clone();
    let chunks = response.take_body_stream().map(move |chunk| {
        chunk.map_err(|error| Error::Unreachable {
            host: broken_host.clone(),
            reason: format!("the answer broke off: {}", read_reason(&error)),
        })
    });
    let body = Body {
        chunks: chunks.boxed_local(),
        _response: response,
    };
    head.body(body).map_err(|error| Error::Unreachable {
        host,
        reason: error.to_string(),
    })
}

/// Sets `Content-Length`. Without it a runtime sends chunks, which S3 refuses (411) even of
/// a DELETE without a body. GET and HEAD, whose bodies have no meaning, go without it
/// (RFC 9110, 8.6).
fn with_length(mut request: http::Request<Vec<u8>>) -> http::Request<Vec<u8>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let length = request.body().len().into();
        request.headers_mut().insert(CONTENT_LENGTH, length);
    }
    request
}

/// The body of an answer of [`Spin`], chunk by chunk.
pub struct Body {
    chunks: LocalBoxStream<'static, Result<Vec<u8>, Error>>,
    // The runtime cancels the exchange when this is dropped.
    _response: IncomingResponse,
}

impl Stream for Body {
    type Item = Result<Vec<u8>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(context)
    }
}

fn send_error(host: &str, code: &ErrorCode) -> Error {
    let host = host.to_owned();
    match code {
        ErrorCode::HttpRequestDenied => Error::NotAllowed { host },
        code => Error::Unreachable {
            host,
            reason: reason(code),
        },
    }
}

/// The reason why a body broke off: a code, or the first line of the runtime's text, which
/// may go on with a backtrace.
fn read_reason(error: &IoError) -> String {
    match http_error_code(error) {
        Some(code) => reason(&code),
        None => {
            let text = error.to_debug_string();
            text.lines().next().unwrap_or_default().to_owned()
        }
    }
}

fn reason(code: &ErrorCode) -> String {
    match code {
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "its name is not known".into(),
        ErrorCode::DestinationIpProhibited => {
            "its address is in a network that the runtime blocks".into()
        }
        ErrorCode::ConnectionRefused => "it refused the connection".into(),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => "it did not answer in time".into(),
        other => other.to_string(),
    }
}

/// Scheme and authority, in the form of `allowed_outbound_hosts`.
fn host(uri: &Uri) -> String {
    format!(
        "{}://{}",
        uri.scheme_str().unwrap_or("https"),
        uri.authority()
            .map(|authority| authority.as_str())
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_permission_is_told_apart_and_says_what_to_change() {
        let uri: Uri = "http://store.example:9000/bucket/key?signature=secret"
            .parse()
            .unwrap();
        let error = send_error(&host(&uri), &ErrorCode::HttpRequestDenied);
        let text = error.to_string();
        assert!(text.contains("http://store.example:9000 "), "{text}");
        assert!(text.contains("allowed_outbound_hosts"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_body_is_announced_with_its_length_even_if_there_is_none() {
        let announced = |method, body: &[u8]| {
            let request = http::Request::builder().method(method).body(body.to_vec());
            with_length(request.unwrap())
                .headers()
                .get(CONTENT_LENGTH)
                .cloned()
        };
        assert_eq!(announced(Method::DELETE, b"").unwrap(), "0");
        assert_eq!(announced(Method::PUT, b"bytes").unwrap(), "5");
        assert_eq!(announced(Method::GET, b""), None);
        assert_eq!(announced(Method::HEAD, b""), None);
    }

    #[test]
    fn a_refused_connection_is_unreachable() {
        assert_eq!(
            send_error("http://a", &ErrorCode::ConnectionRefused),
            Error::Unreachable {
                host: "http://a".into(),
                reason: "it refused the connection".into()
            }
        );
    }

    #[test]
    fn a_service_that_hangs_did_not_answer_in_time() {
        for code in [
            ErrorCode::DnsTimeout,
            ErrorCode::ConnectionTimeout,
            ErrorCode::ConnectionReadTimeout,
            ErrorCode::ConnectionWriteTimeout,
            ErrorCode::HttpResponseTimeout,
        ] {
            assert_eq!(
                send_error("http://a", &code).to_string(),
                "http://a is out of reach: it did not answer in time"
            );
        }
    }
}

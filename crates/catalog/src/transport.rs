use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use http::{Request, Response};
use http_body_util::{BodyDataStream, Full};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use outbound::{Error, Transport};

/// How long to wait for the head of an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Carries requests over HTTP and HTTPS, with the roots of trust of Mozilla.
#[derive(Debug, Clone)]
pub struct Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Default for Https {
    fn default() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl Transport for Https {
    type Body = BoxStream<'static, Result<Vec<u8>, Error>>;

    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Error>> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = format!("{scheme}://{authority}");
        let answer = self.0.request(request.map(|body| Full::new(body.into())));
        async move {
            let failed = |reason: String| Error::Unreachable {
                host: host.clone(),
                reason,
            };
            let answer = tokio::time::timeout(TIMEOUT, answer)
                .await
                .map_err(|_| failed("it does not answer".to_owned()))?
                .map_err(|error| failed(with_cause(&error)))?;
            let host = host.clone();
            Ok(answer.map(|body| {
                let chunks = BodyDataStream::new(body).map(move |chunk| match chunk {
                    Ok(bytes) => Ok(bytes.to_vec()),
                    Err(error) => Err(Error::Unreachable {
                        host: host.clone(),
                        reason: error.to_string(),
                    }),
                });
                chunks.boxed()
            }))
        }
    }
}

/// An error with the innermost reason, without which it says only that there was one.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

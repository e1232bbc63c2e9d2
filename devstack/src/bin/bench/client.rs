//! HTTP over one connection that is kept open. [`crate::wire`] is for load.

use std::net::SocketAddr;

use anyhow::{Result, anyhow, ensure};
use devstack::client::{Answer, Call, Photo, eventually, routes};
use http::{HeaderValue, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::looks::LOOKS;

/// A connection to a server.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// No server listens there.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // The next request gets the reason for its end.
        tokio::spawn(connection);
        let host = HeaderValue::try_from(address.to_string())?;
        Ok(Self { sender, host })
    }

    /// Sends a call and returns its answer.
    ///
    /// # Errors
    /// There is no answer, or it has another status than the call expects.
    pub async fn send<T>(&mut self, call: &Call<T>) -> Result<Answer> {
        let unsent = |error: hyper::Error| anyhow!(error).context(call.name());
        self.sender.ready().await.map_err(unsent)?;
        let mut request = call.request("")?.map(Full::new);
        if let (Some(_), Some(path)) = (request.uri().host(), request.uri().path_and_query()) {
            *request.uri_mut() = path.as_str().parse()?;
        }
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        let answer = self.sender.send_request(request).await.map_err(unsent)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(unsent)?.to_bytes();
        call.accept(Answer {
            to: call.name(),
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Sends a call and reads the JSON of its answer.
    ///
    /// # Errors
    /// As [`Connection::send`]; or the answer's JSON has another shape.
    pub async fn ask<T: DeserializeOwned>(&mut self, call: &Call<T>) -> Result<T> {
        self.send(call).await?.json()
    }

    /// Announces a photo in post 1 and uploads it through a connection to the
    /// store. Returns its name.
    ///
    /// # Errors
    /// One of the two requests is refused.
    pub async fn upload(
        &mut self,
        store: &mut Self,
        photo: &Photo,
        user: u64,
        token: &HeaderValue,
    ) -> Result<String> {
        let announcement = photo.announcement(&user.to_string(), 1);
        let call = routes::announce(&announcement).with_token(token);
        let received = self.ask(&call).await?;
        let upload = routes::upload(&received, photo.bytes.clone())?;
        store.send(&upload).await?;
        Ok(received.file_name)
    }

    /// Waits until an uploaded photo is analyzed.
    ///
    /// # Errors
    /// The analysis failed, or it takes too long.
    pub async fn analyzed(&mut self, file: &str, token: &HeaderValue) -> Result<()> {
        let call = routes::record(file).with_token(token);
        let record = eventually("the photo is analyzed", LOOKS, async || {
            let record = self.ask(&call).await?;
            Ok((record.status != "waiting").then_some(record))
        })
        .await?;
        ensure!(
            record.is_analyzed(),
            "the status of {file} is {}",
            record.status
        );
        Ok(())
    }
}

//! HTTP/1.1 over one connection for load, at the cost of a few system calls: the client runs
//! beside the measured host.

use std::{io::Write, net::SocketAddr};

use anyhow::{Context, Result, ensure};
use devstack::client::{Answer, Call};
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The maximum number of headers of an answer.
const MAX_HEADERS: usize = 64;

/// A connection to a server.
pub struct Wire {
    stream: TcpStream,
    host: SocketAddr,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// The head of an answer.
struct Head {
    status: StatusCode,
    /// The length of the head and of the body together, in bytes.
    end: usize,
    /// The length of the head.
    length: usize,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// No server listens there.
    pub async fn open(host: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host,
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// Sends a call and waits for the whole answer.
    ///
    /// # Errors
    /// There is no answer, or it has no `Content-Length` or another status than the call
    /// expects.
    pub async fn send(&mut self, call: &Call) -> Result<()> {
        self.write(call)?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.read(call).await?;
            if let Some(head) = head(&self.answer).with_context(|| call.name())? {
                break head;
            }
        };
        while self.answer.len() < head.end {
            self.read(call).await?;
        }
        let body = self.answer.get(head.length..).unwrap_or_default();
        call.accept(Answer {
            to: call.name(),
            status: head.status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        })?;
        Ok(())
    }

    fn write(&mut self, call: &Call) -> Result<()> {
        let request = call.request("")?;
        let out = &mut self.request;
        out.clear();
        let (method, host) = (request.method(), self.host);
        let path = request.uri().path_and_query().context("a path")?;
        write!(out, "{method} {path} HTTP/1.1\r\nhost: {host}\r\n")?;
        for (name, value) in request.headers() {
            write!(out, "{name}: ")?;
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        let body = request.body();
        if !body.is_empty() {
            write!(out, "content-length: {}\r\n", body.len())?;
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        Ok(())
    }

    async fn read(&mut self, call: &Call) -> Result<()> {
        self.answer.reserve(4096);
        let read = self.stream.read_buf(&mut self.answer).await?;
        ensure!(read > 0, "{}: the connection was closed", call.name());
        Ok(())
    }
}

/// The head of an answer, when all of it is there.
fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = answer.parse(bytes)? else {
        return Ok(None);
    };
    let body = answer
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("an answer without Content-Length")?;
    let body: usize = std::str::from_utf8(body.value)?.parse()?;
    Ok(Some(Head {
        status: StatusCode::from_u16(answer.code.unwrap_or_default())?,
        end: length + body,
        length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_body() {
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc";
        let found = head(answer).unwrap().unwrap();
        assert_eq!((found.status.as_u16(), found.end), (404, answer.len()));
        assert_eq!(answer.get(found.length..), Some(&b"abc"[..]));
        assert!(head(&answer[..30]).unwrap().is_none());
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}

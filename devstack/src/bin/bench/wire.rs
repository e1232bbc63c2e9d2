//! HTTP/1.1 over one connection for load, at the cost of a few system calls: the client runs
//! beside the measured host.

use std::{io::Write, net::SocketAddr};

use anyhow::{Context, Result, anyhow, bail, ensure};
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

/// An answer of which all bytes are there.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    status: StatusCode,
    /// Where the body begins.
    body: usize,
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
    /// There is no answer, or its length is not told, or it has another status than the call
    /// expects.
    pub async fn send(&mut self, call: &Call) -> Result<()> {
        self.write(call)?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let whole = loop {
            self.answer.reserve(4096);
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "{}: the connection was closed", call.name());
            if let Some(whole) = whole(&self.answer).with_context(|| call.name())? {
                break whole;
            }
        };
        let body = self.answer.get(whole.body..).unwrap_or_default();
        call.accept(Answer {
            to: call.name(),
            status: whole.status,
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
}

/// The answer at the begin of these bytes, when all of it is there.
fn whole(bytes: &[u8]) -> Result<Option<Whole>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = answer.parse(bytes)? else {
        return Ok(None);
    };
    let status = StatusCode::from_u16(answer.code.unwrap_or_default())?;
    let header = |name: &str| {
        let mut headers = answer.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let is_whole = match header("content-length") {
        Some(length) => bytes.len() - body >= length.parse()?,
        None if header("transfer-encoding") == Some("chunked") => has_last_chunk(bytes, body)?,
        None => bail!("an answer whose length is not told"),
    };
    Ok(is_whole.then_some(Whole { status, body }))
}

/// Whether the last of the chunks that begin there has come (RFC 9112, 7.1).
fn has_last_chunk(bytes: &[u8], mut at: usize) -> Result<bool> {
    while let Some(rest) = bytes.get(at..) {
        let size = httparse::parse_chunk_size(rest);
        let size = size.map_err(|_| anyhow!("a chunk without its size"))?;
        let httparse::Status::Complete((line, size)) = size else {
            return Ok(false);
        };
        // An empty line follows the bytes of a chunk, and the size of the last one.
        at += line + usize::try_from(size)? + 2;
        if size == 0 {
            return Ok(at <= bytes.len());
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_body() {
        for (answer, status, body) in [
            (
                "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
                404,
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, ""),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                200,
                "3\r\nabc\r\n0\r\n\r\n",
            ),
        ] {
            let found = whole(answer.as_bytes()).unwrap().unwrap();
            assert_eq!(found.status.as_u16(), status);
            assert_eq!(&answer[found.body..], body);
            for end in 0..answer.len() {
                assert_eq!(whole(&answer.as_bytes()[..end]).unwrap(), None, "{end}");
            }
        }
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}

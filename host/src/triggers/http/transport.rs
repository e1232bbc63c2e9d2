//! The bytes of one connection, with the parts that hyper leaves to its user: time limits,
//! errors of the parser in words, and a close that lets the last response arrive.

use std::future::Future;
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::WasiBody;

use super::errors::{HEAD_TIMEOUT, HostError};
use super::pace::Pace;
use crate::limits::Limits;

/// How long a closed connection is read, so that its last response arrives: until the
/// client is silent for this time,
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// and at most for this time (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(10);
/// The first bytes of HTTP/2 without TLS (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// The requests that a connection has in hand.
#[derive(Debug, Default)]
pub struct Activity {
    begun: AtomicUsize,
    in_hand: AtomicUsize,
    unread: AtomicBool,
}

/// A request that has no response yet, or whose response is not yet written.
#[derive(Debug)]
pub struct InHand(Arc<Activity>);

/// The body of a response. The request is done when it ends.
pub struct AnswerBody {
    inner: WasiBody,
    _in_hand: InHand,
}

impl Activity {
    /// Adds a request to those in hand.
    pub fn begin(self: &Arc<Self>) -> InHand {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        self.unread.store(false, Ordering::Relaxed);
        InHand(self.clone())
    }

    /// Notes that the client may still be sending bytes that no guest will read.
    pub fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AnswerBody {
    /// The body of the answer to a request.
    pub fn new(inner: WasiBody, in_hand: InHand) -> Self {
        Self {
            inner,
            _in_hand: in_hand,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The connection of a client.
pub struct Transport {
    stream: TcpStream,
    activity: Arc<Activity>,
    head_timeout: Duration,
    /// The time by which the head of the next request must be here, while no request is in hand.
    head_deadline: Option<Instant>,
    head_timer: Option<Pin<Box<Sleep>>>,
    /// Whether a part of that head is here.
    head_begun: bool,
    http2: bool,
    writing: Pace,
    /// The number of requests begun when the last write was complete.
    written: usize,
    /// A response of this host that replaces hyper's.
    own: Bytes,
    linger: Option<Linger>,
}

struct Linger {
    until: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Transport {
    /// Starts with an unread stream.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, limits: &Limits) -> Self {
        Self {
            stream,
            activity,
            head_timeout: limits.head_timeout,
            head_deadline: None,
            head_timer: None,
            head_begun: false,
            http2: false,
            writing: Pace::new(limits.write_timeout),
            written: 0,
            own: Bytes::new(),
            linger: None,
        }
    }

    /// Whether all requests have been answered, down to the last byte. HTTP/2 has
    /// frames besides responses, so there it says only that all responses are on their way.
    fn is_idle(&self) -> bool {
        self.activity.in_hand.load(Ordering::Relaxed) == 0
            && (self.http2 || self.activity.begun.load(Ordering::Relaxed) == self.written)
    }

    /// Ready when the next head is overdue.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let in_time = || Instant::now() + self.head_timeout;
        let deadline = *self.head_deadline.get_or_insert_with(in_time);
        let timer = self
            .head_timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // The timer may be set to an earlier deadline: moving it for each request
        // would cost more than an idle wake-up.
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Replaces a response of hyper's parser by this host's own.
    /// When all requests are answered, HTTP/1 writes nothing else.
    fn replace(&mut self, written: &[u8]) -> bool {
        if self.http2 || !self.is_idle() || !written.starts_with(b"HTTP/1.") {
            return false;
        }
        let status = written.get(9..12).map(StatusCode::from_bytes);
        let status = status.and_then(std::result::Result::ok);
        let status = status.unwrap_or(StatusCode::BAD_REQUEST);
        self.own = HostError::of_parser(status).to_bytes().into();
        self.activity.leave_unread();
        true
    }

    /// Writes; fails when the client takes too little for too long.
    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        match write(Pin::new(&mut self.stream), cx) {
            Poll::Pending => {
                ready!(self.writing.poll_too_slow(cx));
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Ok(written)) => {
                self.writing.moved(written);
                Poll::Ready(Ok(written))
            }
            failed => failed,
        }
    }

    fn poll_write_own(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.own.has_remaining() {
            let bytes = self.own.clone();
            let written = self.poll_write_with(cx, |stream, cx| stream.poll_write(cx, &bytes));
            self.own.advance(ready!(written)?);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the bytes that the client is still sending. Closing at once would reset the
    /// connection, and the client might lose the response before it has read it.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let linger = self.linger.get_or_insert_with(|| Linger {
            until: now + LINGER,
            timer: Box::pin(sleep_until(now + LINGER_SILENCE)),
        });
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let now = Instant::now();
                    if now >= linger.until {
                        return Poll::Ready(());
                    }
                    let silent = (now + LINGER_SILENCE).min(linger.until);
                    linger.timer.as_mut().reset(silent);
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return linger.timer.as_mut().poll(cx),
            }
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        if !this.is_idle() {
            if this.http2 {
                this.head_deadline = None;
            }
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().get(before..).unwrap_or_default();
                if !read.is_empty() && !this.head_begun {
                    this.head_begun = true;
                    // The time for the head starts now: idle time does not count.
                    this.head_deadline = Some(Instant::now() + this.head_timeout);
                    this.http2 |= this.written == 0 && read.starts_with(HTTP2_PREFACE);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                ready!(this.poll_overdue(cx));
                if this.head_begun && !this.http2 {
                    // No other bytes are on their way, so the socket has room.
                    let _ = this.stream.try_write(&HEAD_TIMEOUT.to_bytes());
                }
                // Hyper sees the client's side as closed.
                Poll::Ready(Ok(()))
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        if self.replace(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.poll_write_with(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if slices.first().is_some_and(|first| self.replace(first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        self.poll_write_with(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_write_own(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        let begun = self.activity.begun.load(Ordering::Relaxed);
        if self.written != begun && self.activity.in_hand.load(Ordering::Relaxed) == 0 {
            self.written = begun;
            self.head_deadline = None;
            self.head_begun = false;
            // Hyper may not read again before something wakes it.
            let _ = self.poll_overdue(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.linger.is_none() {
            ready!(self.poll_write_own(cx))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.activity.unread.load(Ordering::Relaxed) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

//! Sends events, and reads the beginnings of answers.

use base::{Trace, shorten};
use futures::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use outbound::webhooks::{InvalidId, Signer};
use outbound::{Error, Transport};

/// CloudEvents in the structured mode of their JSON format.
const CLOUD_EVENT: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
const ORILLA: HeaderValue = HeaderValue::from_static(concat!("orilla/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// The event cannot be signed, so it was not sent.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// The request failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Sends the event `id` to an endpoint; `event` is its text. `now` is in seconds since the Unix
/// epoch.
///
/// # Errors
/// See [`Unsent`].
pub async fn send<T: Transport>(
    transport: &T,
    (endpoint, signer): (&Uri, &Signer),
    (id, event): (&str, &str),
    trace: &Trace,
    now: u64,
) -> Result<Response<T::Body>, Unsent> {
    let body = event.as_bytes();
    let headers = signer.headers(id, now, body)?;
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = endpoint.clone();
    *request.headers_mut() = headers;
    request.headers_mut().extend(trace.headers());
    request.headers_mut().insert(CONTENT_TYPE, CLOUD_EVENT);
    request.headers_mut().insert(USER_AGENT, ORILLA);
    Ok(transport.send(request).await?)
}

/// The beginning of a body, as text of at most `max` bytes. No more of it is read.
pub async fn beginning<B>(mut body: B, max: usize) -> String
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let mut bytes = Vec::new();
    while bytes.len() < max
        && let Some(Ok(chunk)) = body.next().await
    {
        let room = max.saturating_sub(bytes.len()).min(chunk.len());
        bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    // A character that was cut in two counts as one that is no text.
    shorten(&String::from_utf8_lossy(&bytes), max).to_owned()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{Future, ready};

    use futures::executor::block_on;
    use futures::stream::{Empty, empty, iter};
    use http::StatusCode;
    use standardwebhooks::Webhook;

    use super::*;
    use crate::answer::{self, Verdict};

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// Gives every request the same answer, and keeps the requests.
    struct Receiver {
        status: StatusCode,
        sent: RefCell<Vec<Request<Vec<u8>>>>,
    }

    impl Transport for Receiver {
        type Body = Empty<Result<Vec<u8>, Error>>;

        fn send(
            &self,
            request: Request<Vec<u8>>,
        ) -> impl Future<Output = Result<Response<Self::Body>, Error>> {
            self.sent.borrow_mut().push(request);
            let mut response = Response::new(empty());
            *response.status_mut() = self.status;
            ready(Ok(response))
        }
    }

    fn send_to(receiver: &Receiver, id: &str, now: u64) -> Verdict {
        let endpoint = Uri::from_static("https://receiver.example/hook?key=1");
        let trace = Trace::from_headers(
            Some("order-77"),
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            Some("rojo=1,congo=2"),
        );
        let event = r#"{"specversion": "1.0", "data": "à la lettre"}"#;
        let signer = Signer::parse(SECRET).unwrap();
        let to = (&endpoint, &signer);
        answer::read(&block_on(send(receiver, to, (id, event), &trace, now)))
    }

    fn receiver(status: u16) -> Receiver {
        Receiver {
            status: StatusCode::from_u16(status).unwrap(),
            sent: RefCell::default(),
        }
    }

    #[test]
    fn a_notification_is_a_signed_cloud_event() {
        let receiver = receiver(202);
        let now = base::now_millis() / 1000;
        let verdict = send_to(&receiver, "msg_1", now);
        assert_eq!(verdict, Verdict::Delivered(StatusCode::ACCEPTED));

        let request = receiver.sent.take().remove(0);
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "https://receiver.example/hook?key=1");
        let headers = request.headers();
        assert_eq!(
            headers["content-type"],
            "application/cloudevents+json; charset=utf-8"
        );
        assert_eq!(headers["webhook-id"], "msg_1");
        assert_eq!(headers["webhook-timestamp"], now.to_string());
        assert_eq!(headers["x-request-id"], "order-77");
        let traceparent = headers["traceparent"].to_str().unwrap();
        assert!(traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_eq!(headers["tracestate"], "rojo=1,congo=2");
        let agent = headers["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("orilla/"), "{agent}");
        let verified = Webhook::new(SECRET)
            .unwrap()
            .verify(request.body(), headers);
        assert!(verified.is_ok(), "{verified:?}");
        assert_eq!(
            String::from_utf8(request.into_body()).unwrap(),
            r#"{"specversion": "1.0", "data": "à la lettre"}"#
        );
    }

    #[test]
    fn an_attempt_has_a_time_of_its_own_and_the_same_id() {
        let receiver = receiver(500);
        for now in [1_700_000_000, 1_700_000_060] {
            let verdict = send_to(&receiver, "msg_1", now);
            assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
        }
        let sent = receiver.sent.take();
        let header = |attempt: usize, name| sent[attempt].headers()[name].clone();
        assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
        assert_eq!(header(0, "webhook-timestamp"), "1700000000");
        assert_eq!(header(1, "webhook-timestamp"), "1700000060");
        assert_ne!(
            header(0, "webhook-signature"),
            header(1, "webhook-signature")
        );
    }

    #[test]
    fn what_cannot_be_signed_is_never_sent() {
        let receiver = receiver(200);
        let verdict = send_to(&receiver, "msg.1", 1_700_000_000);
        assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
        assert!(receiver.sent.take().is_empty());
    }

    #[test]
    fn of_an_answer_only_the_beginning_is_read() {
        let read = |chunks: Vec<Result<Vec<u8>, Error>>| block_on(beginning(iter(chunks), 8));
        assert_eq!(read(vec![]), "");
        assert_eq!(read(vec![Ok(b"no such".to_vec())]), "no such");
        assert_eq!(
            read(vec![Ok(b"no ".to_vec()), Ok(b"such order".to_vec())]),
            "no such "
        );
        // It ends within a character, which takes three bytes when it is replaced.
        assert_eq!(read(vec![Ok("1234567ñ".into())]), "1234567");
        let broken = Error::Unreachable {
            host: "https://a.example".into(),
            reason: "reset".into(),
        };
        assert_eq!(read(vec![Ok(b"half".to_vec()), Err(broken)]), "half");
        let endless = futures::stream::repeat_with(|| Ok(vec![b'x'; 3]));
        assert_eq!(block_on(beginning(endless, 8)), "xxxxxxxx");
    }
}

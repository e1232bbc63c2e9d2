//! A double of an HTTP service, for tests of clients that send through an
//! [`outbound::Transport`].

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::task::Poll;

use futures::stream;
use http::{Request, Response};
use outbound::{Error, Transport};

/// The answer to a request, and the number of turns of the executor until it comes, in
/// which other requests can be sent.
pub type Answer = (usize, Result<Response<String>, Error>);

/// A service that answers by a function and remembers its requests.
pub struct Double<F> {
    answer: F,
    sent: RefCell<Vec<Request<Vec<u8>>>>,
    in_flight: Cell<usize>,
    max_in_flight: Cell<usize>,
}

impl<F: Fn(&Request<Vec<u8>>) -> Answer> Double<F> {
    /// A service that answers by `answer`.
    pub fn new(answer: F) -> Self {
        Self {
            answer,
            sent: RefCell::default(),
            in_flight: Cell::new(0),
            max_in_flight: Cell::new(0),
        }
    }

    /// The maximum number of requests that were in flight at once.
    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight.get()
    }

    /// All requests so far, in their order.
    pub fn sent(&self) -> Vec<Request<Vec<u8>>> {
        self.sent.borrow().clone()
    }
}

impl<F: Fn(&Request<Vec<u8>>) -> Answer> Transport for &Double<F> {
    type Body = stream::Iter<std::vec::IntoIter<Result<Vec<u8>, Error>>>;

    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Error>> {
        self.in_flight.set(self.in_flight.get() + 1);
        let max = self.max_in_flight.get().max(self.in_flight.get());
        self.max_in_flight.set(max);
        let (mut turns, answer) = (self.answer)(&request);
        self.sent.borrow_mut().push(request);
        async move {
            poll_fn(|context| {
                if turns == 0 {
                    return Poll::Ready(());
                }
                turns -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.in_flight.set(self.in_flight.get() - 1);
            answer.map(|response| response.map(|body| stream::iter(vec![Ok(body.into_bytes())])))
        }
    }
}

/// An answer with this status and body, a turn later.
///
/// # Panics
/// The status is none.
#[expect(clippy::expect_used, reason = "this is how a test fails")]
pub fn answer(status: u16, body: impl Into<String>) -> Answer {
    let response = Response::builder().status(status).body(body.into());
    (1, Ok(response.expect("a status of HTTP")))
}

/// The answer of a `host` that is down, after one turn.
pub fn down(host: &str) -> Answer {
    let error = Error::Unreachable {
        host: host.into(),
        reason: "it refused the connection".into(),
    };
    (1, Err(error))
}

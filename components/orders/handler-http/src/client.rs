//! Sending orders.

use futures::future::join_all;
use orders_handler::{Failure, Order, Outcome, changed};
use outbound::Transport;
use outbound::service::{self, Service};

/// The longest result in bytes.
const LONGEST_RESULT: u64 = 16 * 1024;

/// The service at `url`, or what is wrong with that.
pub(crate) fn handler(url: &str) -> Result<Service, &'static str> {
    Service::new("handler", url, LONGEST_RESULT)
}

/// Sends every order to `handler`, all at the same time: who hands orders over
/// says by their number how many may be. The outcomes are in their order.
pub(crate) async fn handle<T: Transport>(
    transport: &T,
    handler: &Service,
    orders: &[Order],
) -> Vec<Result<Outcome, Failure>> {
    join_all(
        orders
            .iter()
            .map(|order| handle_one(transport, handler, order)),
    )
    .await
}

async fn handle_one<T: Transport>(
    transport: &T,
    handler: &Service,
    order: &Order,
) -> Result<Outcome, Failure> {
    let headers = [
        ("x-order-id", order.order_id.as_str()),
        ("x-order-version", &order.version.to_string()),
        ("x-attempt", &order.attempt.to_string()),
    ];
    let answer = handler.post(transport, &headers, order.content.clone());
    let result = answer.await.map_err(|failure| match failure {
        service::Failure::Refused(reason) => Failure::Invalid(reason),
        service::Failure::Passing(reason) => Failure::Retry(reason),
    })?;
    Ok(Outcome {
        result,
        events: vec![changed(order)],
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future, poll_fn};
    use std::task::Poll;

    use futures::executor::block_on;
    use futures::stream;
    use http::{Request, Response};
    use orders_handler::Status;
    use outbound::Error;
    use serde_json::{Value, json};

    use super::*;

    /// Answers with what was sent, a turn later. The order `silent` gets an empty
    /// answer, `refused` a 422, and `busy` a 503; the order `down` finds nobody.
    #[derive(Default)]
    struct Handler {
        in_flight: Cell<usize>,
        most_in_flight: Cell<usize>,
    }

    impl Transport for Handler {
        type Body = stream::Iter<std::vec::IntoIter<Result<Vec<u8>, Error>>>;

        fn send(
            &self,
            request: Request<Vec<u8>>,
        ) -> impl Future<Output = Result<Response<Self::Body>, Error>> {
            self.in_flight.set(self.in_flight.get() + 1);
            self.most_in_flight
                .set(self.most_in_flight.get().max(self.in_flight.get()));
            let header = |name| request.headers()[name].to_str().unwrap().to_owned();
            let order = header("x-order-id");
            let sent = json!({
                "url": request.uri().to_string(),
                "method": request.method().as_str(),
                "type": header("content-type"),
                "version": header("x-order-version"),
                "attempt": header("x-attempt"),
                "body": String::from_utf8(request.body().clone()).unwrap(),
            });
            async move {
                let mut is_next_turn = false;
                poll_fn(|context| {
                    if is_next_turn {
                        return Poll::Ready(());
                    }
                    is_next_turn = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
                self.in_flight.set(self.in_flight.get() - 1);
                let (status, body) = match order.as_str() {
                    "down" => {
                        return Err(Error::Unreachable {
                            host: "http://orders.example".into(),
                            reason: "it refused the connection".into(),
                        });
                    }
                    "silent" => (204, String::new()),
                    "refused" => (422, "no such warehouse".to_owned()),
                    "busy" => (503, String::new()),
                    _ => (200, sent.to_string()),
                };
                let body = stream::iter(vec![Ok(body.into_bytes())]);
                Ok(Response::builder().status(status).body(body).unwrap())
            }
        }
    }

    fn handled(orders: &[&str]) -> (Handler, Vec<Result<Outcome, Failure>>) {
        let orders = orders.iter().map(|order_id| Order {
            order_id: (*order_id).into(),
            version: 3,
            status: Status::Completed,
            previous_status: Some(Status::Inprocess),
            content: format!(r#"{{"orderId": "{order_id}"}}"#),
            attempt: 2,
        });
        let orders: Vec<_> = orders.collect();
        let transport = Handler::default();
        let handler = handler("https://orders.example/handle?site=7").unwrap();
        let outcomes = block_on(handle(&transport, &handler, &orders));
        (transport, outcomes)
    }

    #[test]
    fn a_version_is_sent_and_the_answer_is_its_result() {
        let (_, outcomes) = handled(&["o-1"]);
        let [Ok(outcome)] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        let sent: Value = serde_json::from_str(outcome.result.as_ref().unwrap()).unwrap();
        assert_eq!(
            sent,
            json!({
                "url": "https://orders.example/handle?site=7", "method": "POST",
                "type": "application/json", "version": "3", "attempt": "2",
                "body": r#"{"orderId": "o-1"}"#,
            })
        );
        let [event] = outcome.events.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(event.kind, "orilla.order.completed");
        assert_eq!(event.data, r#"{"orderId": "o-1"}"#);
    }

    #[test]
    fn a_service_need_not_have_a_result() {
        let (_, outcomes) = handled(&["silent"]);
        let [Ok(Outcome { result, events })] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert_eq!(*result, None);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn orders_overlap_and_one_that_fails_does_not_fail_the_others() {
        let (transport, outcomes) = handled(&["o-1", "refused", "busy", "down", "o-5"]);
        assert_eq!(transport.most_in_flight.get(), 5);
        let [Ok(first), Err(refused), Err(busy), Err(down), Ok(last)] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert!(first.result.as_ref().unwrap().contains("o-1"), "{first:?}");
        assert!(last.result.as_ref().unwrap().contains("o-5"), "{last:?}");
        let Failure::Invalid(reason) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(
            reason,
            "the handler answered 422 Unprocessable Entity: no such warehouse"
        );
        for (failure, told) in [(busy, "503"), (down, "out of reach")] {
            let Failure::Retry(reason) = failure else {
                panic!("{failure:?}");
            };
            assert!(reason.contains(told), "{reason}");
        }
    }
}

//! Orders as the service gets them, and the meaning of its answers.

use orders_handler::{Failure, Order, Outcome, changed};
use outbound::service::{NotDone, Piece};

/// The maximum length of an answer, in bytes.
pub(crate) const MAX_RESULT_BYTES: u64 = 16 * 1024;

/// A version of an order as a piece of work.
pub(crate) fn piece(order: &Order) -> Piece {
    Piece {
        headers: vec![
            ("x-order-id", order.order_id.clone()),
            ("x-order-version", order.version.to_string()),
            ("x-attempt", order.attempt.to_string()),
        ],
        content: order.content.clone(),
    }
}

/// The outcome of a version.
pub(crate) fn outcome(
    order: &Order,
    answer: Result<Option<String>, NotDone>,
) -> Result<Outcome, Failure> {
    let result = answer.map_err(|not_done| match not_done {
        NotDone::Refused(reason) => Failure::Invalid(reason),
        NotDone::Passing(reason) => Failure::Retry(reason),
    })?;
    Ok(Outcome {
        result,
        events: vec![changed(order)],
    })
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http::Request;
    use orders_handler::Status;
    use outbound::service::Service;
    use outbound_double::{Answer, Double, answer, down};
    use serde_json::{Value, json};

    use super::*;

    /// Answers with the request's body. The order `silent` gets an empty answer,
    /// `refused` a 422, and `busy` a 503; the order `down` cannot reach the service.
    fn service(request: &Request<Vec<u8>>) -> Answer {
        let header = |name| request.headers()[name].to_str().unwrap();
        let sent = json!({
            "url": request.uri().to_string(),
            "method": request.method().as_str(),
            "type": header("content-type"),
            "version": header("x-order-version"),
            "attempt": header("x-attempt"),
            "body": String::from_utf8_lossy(request.body()),
        });
        match header("x-order-id") {
            "down" => down("http://orders.example"),
            "silent" => answer(204, ""),
            "refused" => answer(422, "no such warehouse"),
            "busy" => answer(503, ""),
            _ => answer(200, sent.to_string()),
        }
    }

    fn handled(orders: &[&str]) -> (usize, Vec<Result<Outcome, Failure>>) {
        let orders = orders.iter().map(|order_id| Order {
            order_id: (*order_id).into(),
            version: 3,
            status: Status::Completed,
            previous_status: Some(Status::Inprocess),
            content: format!(r#"{{"orderId": "{order_id}"}}"#),
            attempt: 2,
        });
        let orders: Vec<_> = orders.collect();
        let transport = Double::new(service);
        let url = "https://orders.example/handle?site=7";
        let handler = Service::new("handler", url, MAX_RESULT_BYTES).unwrap();
        let pieces = orders.iter().map(piece).collect();
        let answers = block_on(handler.post_all(&&transport, pieces));
        let outcomes = orders.iter().zip(answers);
        let outcomes = outcomes.map(|(order, answer)| outcome(order, answer));
        (transport.max_in_flight(), outcomes.collect())
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
        let (max_in_flight, outcomes) = handled(&["o-1", "refused", "busy", "down", "o-5"]);
        assert_eq!(max_in_flight, 5);
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

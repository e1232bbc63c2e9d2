//! Sending toons.

use futures::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use outbound::Transport;

use crate::{Failure, Toon, answer};

/// Sends every toon to `endpoint`, all at the same time: who hands toons over
/// says by their number how many may be. The results are in their order.
pub(crate) async fn process<T: Transport>(
    transport: &T,
    endpoint: &Uri,
    toons: Vec<Toon>,
) -> Vec<Result<String, Failure>> {
    join_all(
        toons
            .into_iter()
            .map(|toon| process_one(transport, endpoint, toon)),
    )
    .await
}

async fn process_one<T: Transport>(
    transport: &T,
    endpoint: &Uri,
    toon: Toon,
) -> Result<String, Failure> {
    let request = Request::post(endpoint)
        .header(CONTENT_TYPE, "application/json")
        .header("x-job-id", toon.job_id)
        .header("x-toon-id", toon.toon_id)
        .header("x-attempt", toon.attempt)
        .body(toon.content.into_bytes())
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    let response = transport.send(request).await.map_err(answer::unsent)?;
    answer::read(response).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future, poll_fn};
    use std::task::Poll;

    use futures::executor::block_on;
    use futures::stream;
    use http::Response;
    use outbound::Error;
    use serde_json::{Value, json};

    use super::*;

    /// Answers with what was sent, a turn later. A toon named `down` finds nobody.
    #[derive(Default)]
    struct Service {
        in_flight: Cell<usize>,
        most_in_flight: Cell<usize>,
    }

    impl Transport for Service {
        type Body = stream::Iter<std::vec::IntoIter<Result<Vec<u8>, Error>>>;

        fn send(
            &self,
            request: Request<Vec<u8>>,
        ) -> impl Future<Output = Result<Response<Self::Body>, Error>> {
            self.in_flight.set(self.in_flight.get() + 1);
            self.most_in_flight
                .set(self.most_in_flight.get().max(self.in_flight.get()));
            let header = |name| request.headers()[name].to_str().unwrap().to_owned();
            let sent = json!({
                "url": request.uri().to_string(),
                "method": request.method().as_str(),
                "type": header("content-type"),
                "job": header("x-job-id"),
                "toon": header("x-toon-id"),
                "attempt": header("x-attempt"),
                "body": String::from_utf8(request.into_body()).unwrap(),
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
                if sent["toon"] == "down" {
                    return Err(Error::Unreachable {
                        host: "http://toons.example".into(),
                        reason: "it refused the connection".into(),
                    });
                }
                let chunks = vec![Ok(sent.to_string().into_bytes())];
                Ok(Response::new(stream::iter(chunks)))
            }
        }
    }

    fn toon(toon_id: &str) -> Toon {
        Toon {
            job_id: "JOB-001".into(),
            toon_id: toon_id.into(),
            content: format!(r#"{{"toonId": "{toon_id}"}}"#),
            attempt: 2,
        }
    }

    #[test]
    fn a_batch_overlaps_and_one_that_fails_does_not_fail_the_others() {
        let service = Service::default();
        let endpoint = "http://toons.example/process".parse().unwrap();
        let toons = ["T-1", "down", "T-3", "a b\n"].map(toon);
        let results = block_on(process(&service, &endpoint, toons.into()));
        // The fourth's id is no header, so it is never sent.
        assert_eq!(service.most_in_flight.get(), 3);
        let first: Value = serde_json::from_str(results[0].as_ref().unwrap()).unwrap();
        assert_eq!(
            first,
            json!({
                "url": "http://toons.example/process", "method": "POST", "type": "application/json",
                "job": "JOB-001", "toon": "T-1", "attempt": "2", "body": r#"{"toonId": "T-1"}"#
            })
        );
        assert!(matches!(&results[1], Err(Failure::Retry(_))), "{results:?}");
        assert!(results[2].as_ref().unwrap().contains("T-3"));
        assert!(
            matches!(&results[3], Err(Failure::Invalid(_))),
            "{results:?}"
        );
    }
}

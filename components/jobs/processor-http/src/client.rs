//! Sends toons to the service.

use futures::future::join_all;
use outbound::Transport;
use outbound::service::{self, Service};

use crate::bindings::exports::orilla::jobs::processor::{Failure, Toon};

/// The maximum length of an answer, in bytes.
const MAX_RESULT_BYTES: u64 = 64 * 1024;

/// The service at `url`, or why the URL is invalid.
pub(crate) fn processor(url: &str) -> Result<Service, &'static str> {
    Service::new("processor", url, MAX_RESULT_BYTES)
}

/// Sends all toons to `processor` at the same time; the caller limits their number. The
/// results are in the order of the toons.
pub(crate) async fn process<T: Transport>(
    transport: &T,
    processor: &Service,
    toons: Vec<Toon>,
) -> Vec<Result<String, Failure>> {
    join_all(
        toons
            .into_iter()
            .map(|toon| process_one(transport, processor, toon)),
    )
    .await
}

async fn process_one<T: Transport>(
    transport: &T,
    processor: &Service,
    toon: Toon,
) -> Result<String, Failure> {
    let headers = [
        ("x-job-id", toon.job_id.as_str()),
        ("x-toon-id", &toon.toon_id),
        ("x-attempt", &toon.attempt.to_string()),
    ];
    let result = processor.post(transport, &headers, toon.content).await?;
    result
        .ok_or_else(|| Failure::Invalid("the processor's answer is empty: it must be JSON".into()))
}

impl From<service::Failure> for Failure {
    fn from(failure: service::Failure) -> Self {
        match failure {
            service::Failure::Refused(reason) => Self::Invalid(reason),
            service::Failure::Passing(reason) => Self::Retry(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http::Request;
    use outbound_double::{Answer, Double, answer, down};
    use serde_json::{Value, json};

    use super::*;

    /// Answers with the request's body. The toon `down` cannot reach the service, and
    /// `mute` gets an empty answer.
    fn service(request: &Request<Vec<u8>>) -> Answer {
        let header = |name| request.headers()[name].to_str().unwrap();
        let sent = json!({
            "url": request.uri().to_string(),
            "method": request.method().as_str(),
            "type": header("content-type"),
            "job": header("x-job-id"),
            "toon": header("x-toon-id"),
            "attempt": header("x-attempt"),
            "body": String::from_utf8_lossy(request.body()),
        });
        match header("x-toon-id") {
            "down" => down("http://toons.example"),
            "mute" => answer(200, ""),
            _ => answer(200, sent.to_string()),
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
        let service = Double::new(service);
        let url = "http://toons.example/process";
        let toons = ["T-1", "down", "T-3", "a b\n"].map(toon);
        let results = block_on(process(&&service, &processor(url).unwrap(), toons.into()));
        // The id of the fourth toon is not a valid header, so the toon is never sent.
        assert_eq!(service.max_in_flight(), 3);
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

    #[test]
    fn a_success_without_a_result_is_none() {
        let processor = processor("http://toons.example").unwrap();
        let service = Double::new(service);
        let results = block_on(process(&&service, &processor, vec![toon("mute")]));
        let [Err(Failure::Invalid(reason))] = results.as_slice() else {
            panic!("{results:?}");
        };
        assert!(reason.contains("must be JSON"), "{reason}");
    }
}

//! Toons as the service gets them, and the meaning of its answers.

use outbound::service::{NotDone, Piece};

use crate::bindings::exports::orilla::jobs::processor::{Failure, Toon};

/// The maximum length of an answer, in bytes.
pub(crate) const MAX_RESULT_BYTES: u64 = 64 * 1024;

/// A toon as a piece of work.
pub(crate) fn piece(toon: Toon) -> Piece {
    Piece {
        headers: vec![
            ("x-job-id", toon.job_id),
            ("x-toon-id", toon.toon_id),
            ("x-attempt", toon.attempt.to_string()),
        ],
        content: toon.content,
    }
}

/// The result of a toon.
pub(crate) fn result(answer: Result<Option<String>, NotDone>) -> Result<String, Failure> {
    let answer = answer.map_err(|not_done| match not_done {
        NotDone::Refused(reason) => Failure::Invalid(reason),
        NotDone::Passing(reason) => Failure::Retry(reason),
    })?;
    answer
        .ok_or_else(|| Failure::Invalid("the processor's answer is empty: it must be JSON".into()))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http::Request;
    use outbound::service::Service;
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

    /// The results of toons, and the requests that were in flight at once.
    fn processed(toons: &[&str]) -> (usize, Vec<Result<String, Failure>>) {
        let transport = Double::new(service);
        let processor = Service::new(
            "processor",
            "http://toons.example/process",
            MAX_RESULT_BYTES,
        );
        let pieces = toons.iter().map(|id| piece(toon(id))).collect();
        let answers = block_on(processor.unwrap().post_all(&&transport, pieces));
        (
            transport.max_in_flight(),
            answers.into_iter().map(result).collect(),
        )
    }

    #[test]
    fn a_batch_overlaps_and_one_that_fails_does_not_fail_the_others() {
        // The id of the fourth toon is not a valid header, so the toon is never sent.
        let (max_in_flight, results) = processed(&["T-1", "down", "T-3", "a b\n"]);
        assert_eq!(max_in_flight, 3);
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
        let (_, results) = processed(&["mute"]);
        let [Err(Failure::Invalid(reason))] = results.as_slice() else {
            panic!("{results:?}");
        };
        assert!(reason.contains("must be JSON"), "{reason}");
    }
}

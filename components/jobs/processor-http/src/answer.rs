//! What an answer of the service means.
//!
//! | answer | toon |
//! |---|---|
//! | 2xx with JSON of at most 64 KiB | its result |
//! | 408, 425, 429, 5xx, or none | tried again |
//! | any other, redirects too | failed, with the status and how the body begins |

use futures::{Stream, StreamExt};
use http::{Response, StatusCode};
use outbound::{Error, ReadError, collect};
use serde::de::IgnoredAny;

use crate::Failure;

/// The longest result in bytes.
const LONGEST_RESULT: u64 = 64 * 1024;

/// How much of a refusal's body is told, in bytes.
const EXCERPT: usize = 200;

/// Reads the result of a toon from an answer.
pub(crate) async fn read<B>(response: Response<B>) -> Result<String, Failure>
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let status = response.status();
    if status.is_success() {
        return result(response).await;
    }
    let told = format!("the processor answered {status}");
    if is_passing(status) {
        return Err(Failure::Retry(told));
    }
    Err(Failure::Invalid(
        match excerpt(response.into_body()).await.as_str() {
            "" => told,
            excerpt => format!("{told}: {excerpt}"),
        },
    ))
}

/// What a toon that could not be sent comes to.
pub(crate) fn unsent(error: Error) -> Failure {
    match error {
        Error::Invalid { .. } => Failure::Invalid(error.to_string()),
        // A permission that lacks is not the toon's fault.
        Error::NotAllowed { .. } | Error::Unreachable { .. } => Failure::Retry(error.to_string()),
    }
}

/// Whether the same request may be answered otherwise later (RFC 9110, RFC 8470
/// for 425, RFC 6585 for 429).
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

async fn result<B>(response: Response<B>) -> Result<String, Failure>
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let body = match collect(response, LONGEST_RESULT).await {
        Ok(response) => response.into_body(),
        Err(ReadError::Transport(error)) => return Err(unsent(error)),
        Err(error @ ReadError::TooLarge { .. }) => {
            return Err(Failure::Invalid(format!("the processor's answer: {error}")));
        }
    };
    let not_json =
        |error: String| Failure::Invalid(format!("the processor's answer is not JSON: {error}"));
    let text = String::from_utf8(body).map_err(|error| not_json(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| not_json(error.to_string()))?;
    Ok(text)
}

/// How a body begins, on one line. It is for a person, so what cannot be read
/// is left out.
async fn excerpt<B>(mut body: B) -> String
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT
        && let Some(Ok(chunk)) = body.next().await
    {
        bytes.extend(chunk);
    }
    bytes.truncate(EXCERPT);
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::stream;

    use super::*;

    fn answer(status: u16, chunks: &[&str]) -> Result<String, Failure> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|text| Ok(text.as_bytes().to_vec()))
            .collect();
        let response = Response::builder().status(status);
        block_on(read(response.body(stream::iter(chunks)).unwrap()))
    }

    fn invalid(result: Result<String, Failure>) -> String {
        match result {
            Err(Failure::Invalid(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_is_the_result_to_the_letter() {
        for status in [200, 201, 202] {
            let result = answer(status, &[r#"{"id": 9007199"#, "254740993}"]);
            assert_eq!(result.unwrap(), r#"{"id": 9007199254740993}"#);
        }
        let longest = format!("\"{}\"", "x".repeat(64 * 1024 - 2));
        assert_eq!(answer(200, &[&longest]).unwrap(), longest);
    }

    #[test]
    fn a_success_without_a_result_is_none() {
        for body in ["", "<html>", "{", "1 2"] {
            let reason = invalid(answer(200, &[body]));
            assert!(reason.contains("not JSON"), "{body}: {reason}");
        }
        assert!(invalid(answer(204, &[])).contains("not JSON"));
        let long = format!("\"{}\"", "x".repeat(64 * 1024 - 1));
        assert!(invalid(answer(200, &[&long])).contains("longer than 65536 bytes"));
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let Err(Failure::Retry(reason)) = answer(status, &["busy"]) else {
                panic!("{status}");
            };
            assert!(reason.contains(&status.to_string()), "{reason}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_how_it_begins() {
        for status in [301, 307, 400, 401, 404, 409, 422] {
            let reason = invalid(answer(status, &["no such\r\n\t", "panel\0"]));
            assert!(reason.contains(&status.to_string()), "{reason}");
            assert!(reason.ends_with(": no such panel"), "{reason}");
        }
        assert!(invalid(answer(404, &[])).ends_with("404 Not Found"));
        let long = "é".repeat(1_000);
        let reason = invalid(answer(400, &[&long, &long]));
        assert!(reason.len() < 300, "{reason}");
    }

    #[test]
    fn an_answer_that_breaks_off_is_tried_again() {
        let broken = Error::Unreachable {
            host: "http://toons.example".into(),
            reason: "reset".into(),
        };
        let chunks = vec![Ok(b"{".to_vec()), Err(broken)];
        let result = block_on(read(Response::new(stream::iter(chunks))));
        assert!(matches!(result, Err(Failure::Retry(_))), "{result:?}");
    }

    #[test]
    fn a_missing_permission_can_be_mended() {
        let failure = unsent(Error::NotAllowed {
            host: "http://toons.example".into(),
        });
        let Failure::Retry(reason) = failure else {
            panic!("{failure:?}");
        };
        assert!(reason.contains("allowed_outbound_hosts"), "{reason}");
    }
}

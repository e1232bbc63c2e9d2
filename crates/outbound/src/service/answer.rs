//! The meaning of a service's answer.

use futures::{Stream, StreamExt};
use http::{Response, StatusCode};
use serde::de::IgnoredAny;

use super::not_done::NotDone;
use crate::{Error, ReadError, collect};

/// The max bytes of a refusal's body in the failure.
const EXCERPT: usize = 200;

/// Reads the answer of the service `role`: JSON of up to `limit` bytes, or no body.
pub(super) async fn read<B>(
    role: &str,
    limit: u64,
    response: Response<B>,
) -> Result<Option<String>, NotDone>
where
    B: Stream<Item = Result<Vec<u8>, Error>> + Unpin,
{
    let status = response.status();
    if status.is_success() {
        return match collect(response, limit).await {
            Ok(response) => json(role, response.into_body()),
            Err(ReadError::Transport(error)) => Err(error.into()),
            Err(error @ ReadError::TooLarge { .. }) => {
                Err(NotDone::Refused(format!("the {role}'s answer: {error}")))
            }
        };
    }
    let told = format!("the {role} answered {status}");
    if is_passing(status) {
        return Err(NotDone::Passing(told));
    }
    Err(NotDone::Refused(
        match excerpt(response.into_body()).await.as_str() {
            "" => told,
            excerpt => format!("{told}: {excerpt}"),
        },
    ))
}

/// Whether the same request may succeed later (RFC 9110; 425: RFC 8470; 429: RFC 6585).
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

fn json(role: &str, body: Vec<u8>) -> Result<Option<String>, NotDone> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let not_json =
        |error: String| NotDone::Refused(format!("the {role}'s answer is not JSON: {error}"));
    let text = String::from_utf8(body).map_err(|error| not_json(error.to_string()))?;
    serde_json::from_slice::<IgnoredAny>(text.as_bytes())
        .map_err(|error| not_json(error.to_string()))?;
    Ok(Some(text))
}

/// The begin of a body, on one line. It is for a person: a part that cannot be read is left
/// out.
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

    fn answer(status: u16, chunks: &[&str]) -> Result<Option<String>, NotDone> {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|text| Ok(text.as_bytes().to_vec()))
            .collect();
        let response = Response::builder().status(status);
        let response = response.body(stream::iter(chunks)).unwrap();
        block_on(read("baker", 1_000, response))
    }

    fn refused(result: Result<Option<String>, NotDone>) -> String {
        match result {
            Err(NotDone::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_is_the_answer_to_the_letter() {
        for status in [200, 201, 202] {
            let result = answer(status, &[r#"{"id": 9007199"#, "254740993}"]);
            assert_eq!(result.unwrap().unwrap(), r#"{"id": 9007199254740993}"#);
        }
        let max = format!("\"{}\"", "x".repeat(998));
        assert_eq!(answer(200, &[&max]).unwrap().unwrap(), max);
    }

    #[test]
    fn a_success_may_have_nothing_to_say() {
        for (status, body) in [(204, ""), (200, ""), (202, "\r\n")] {
            assert_eq!(answer(status, &[body]).unwrap(), None, "{status}");
        }
    }

    #[test]
    fn a_success_that_says_anything_else_is_told() {
        for body in ["<html>", "{", "1 2"] {
            let reason = refused(answer(200, &[body]));
            assert!(
                reason.contains("the baker's answer is not JSON"),
                "{body}: {reason}"
            );
        }
        let long = format!("\"{}\"", "x".repeat(999));
        assert!(refused(answer(200, &[&long])).contains("longer than 1000 bytes"));
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let Err(NotDone::Passing(reason)) = answer(status, &["busy"]) else {
                panic!("{status}");
            };
            assert!(
                reason.starts_with(&format!("the baker answered {status}")),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_refusal_is_told_with_how_it_begins() {
        for status in [301, 307, 400, 401, 404, 409, 422] {
            let reason = refused(answer(status, &["no such\r\n\t", "panel\0"]));
            assert!(reason.contains(&status.to_string()), "{reason}");
            assert!(reason.ends_with(": no such panel"), "{reason}");
        }
        assert!(refused(answer(404, &[])).ends_with("404 Not Found"));
        let long = "é".repeat(1_000);
        let reason = refused(answer(400, &[&long, &long]));
        assert!(reason.len() < 300, "{reason}");
    }

    #[test]
    fn an_answer_that_breaks_off_is_tried_again() {
        let broken = Error::Unreachable {
            host: "http://service.example".into(),
            reason: "reset".into(),
        };
        let chunks = vec![Ok(b"{".to_vec()), Err(broken)];
        let result = block_on(read("baker", 9, Response::new(stream::iter(chunks))));
        assert!(matches!(result, Err(NotDone::Passing(_))), "{result:?}");
    }

    #[test]
    fn a_missing_permission_can_be_mended() {
        let not_done = NotDone::from(Error::NotAllowed {
            host: "http://service.example".into(),
        });
        let NotDone::Passing(reason) = not_done else {
            panic!("{not_done:?}");
        };
        assert!(reason.contains("allowed_outbound_hosts"), "{reason}");
    }
}

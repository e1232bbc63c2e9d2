//! The meaning of a receiver's answers.
//!
//! | answer | notification |
//! |---|---|
//! | 2xx | delivered |
//! | 410 | a dead letter at once: the receiver wants no more |
//! | 429, 503 with `Retry-After` | tried again, and not sooner |
//! | any other, redirects too, or none | tried again |

use std::time::{Duration, SystemTime};

use http::{Response, StatusCode};
use outbound::retry_after;

use crate::client::Unsent;

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver accepted it.
    Delivered(StatusCode),
    /// It must not be sent again, for this reason.
    Refused(String),
    /// It may be sent again.
    Failed {
        /// The reason. Of the URL it has only the host.
        error: String,
        /// The delay that the receiver asks for.
        not_before: Duration,
    },
}

/// The verdict on an answer, or on a request that got none.
pub fn read<B>(answer: &Result<Response<B>, Unsent>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Unsent::Id(error)) => return Verdict::Refused(error.to_string()),
        Err(Unsent::Failed(error)) => return failed(error.to_string(), Duration::ZERO),
    };
    let status = answer.status();
    match status {
        status if status.is_success() => Verdict::Delivered(status),
        StatusCode::GONE => Verdict::Refused(format!(
            "the receiver answered {status}: it wants no notifications any more"
        )),
        status if status.is_redirection() => failed(
            format!("the receiver answered {status}: redirects are not followed"),
            Duration::ZERO,
        ),
        status => failed(
            format!("the receiver answered {status}"),
            not_before(answer),
        ),
    }
}

/// The verdict on a receiver that did not answer within `limit`.
pub fn late(limit: Duration) -> Verdict {
    let error = format!("the receiver did not answer within {} s", limit.as_secs());
    failed(error, Duration::ZERO)
}

fn failed(error: String, not_before: Duration) -> Verdict {
    Verdict::Failed { error, not_before }
}

/// The delay that an answer asks for in `Retry-After`.
fn not_before<B>(answer: &Response<B>) -> Duration {
    if !matches!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return Duration::ZERO;
    }
    retry_after(answer.headers(), SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::header::{DATE, RETRY_AFTER};

    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Verdict {
        let mut response = Response::builder().status(status);
        response = response.header(DATE, "Sun, 22 Nov 2026 12:59:30 GMT");
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        read(&Ok(response.body(()).unwrap()))
    }

    #[test]
    fn every_success_is_a_delivery() {
        for status in [200, 201, 202, 204] {
            let delivered = Verdict::Delivered(StatusCode::from_u16(status).unwrap());
            assert_eq!(answer(status, None), delivered);
        }
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_asked_again() {
        let Verdict::Refused(error) = answer(410, Some("5")) else {
            panic!("410 has to be the end");
        };
        assert!(error.contains("410 Gone"), "{error}");
    }

    #[test]
    fn everything_else_is_tried_again() {
        for status in [
            301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 422, 500, 502, 504,
        ] {
            let Verdict::Failed { error, not_before } = answer(status, Some("9")) else {
                panic!("{status}");
            };
            assert!(error.contains(&status.to_string()), "{error}");
            assert_eq!(error.contains("redirects"), status < 400, "{error}");
            assert_eq!(not_before, Duration::ZERO, "{status}");
        }
        let unreachable = outbound::Error::Unreachable {
            host: "https://receiver.example".into(),
            reason: "it refused the connection".into(),
        };
        let verdict = read(&Err::<Response<()>, _>(unreachable.clone().into()));
        assert_eq!(verdict, failed(unreachable.to_string(), Duration::ZERO));
    }

    #[test]
    fn a_receiver_that_is_busy_says_when_to_come_again() {
        for status in [429, 503] {
            for (value, seconds) in [
                (Some("7"), 7),
                (Some(" 120 "), 120),
                (Some("0"), 0),
                (Some("-1"), 0),
                (Some("Sun, 22 Nov 2026 13:00:00 GMT"), 30),
                (Some(""), 0),
                (None, 0),
            ] {
                let Verdict::Failed { not_before, .. } = answer(status, value) else {
                    panic!("{status}");
                };
                assert_eq!(not_before.as_secs(), seconds, "{value:?}");
            }
        }
    }
}

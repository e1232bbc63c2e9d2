//! A limit on the requests of each user.

use base::{Trace, log, now_millis};
use http::StatusCode;
use serde_json::json;
use stores::{Arg, Redis, RedisError, SpinRedis, Value};

use crate::ApiError;

/// The seconds in which `rate_limit` requests are served.
const WINDOW: u64 = 60;

/// The seconds for which the counts of a window are kept: longer than it lasts, for clocks
/// of hosts that differ.
const KEPT: i64 = 180;

/// Counts a request of a user, and refuses it if there were `rate_limit` in this minute
/// of the clock. Zero is no limit.
///
/// While Redis is out of reach nothing is counted and every request is admitted: routes
/// that need no Redis go on.
///
/// # Errors
/// 429 with `Retry-After` in seconds (RFC 6585, 4), and 500 if the variable is missing or
/// wrong.
pub(crate) fn limit(subject: &str, trace: &Trace) -> Result<(), ApiError> {
    let limit: u64 = base::number("rate_limit", 0)?;
    if limit == 0 {
        return Ok(());
    }
    let now = now_millis() / 1_000;
    let counted = SpinRedis::open()
        .map_err(|failure| failure.to_string())
        .and_then(|redis| count(&redis, subject, now).map_err(|error| error.to_string()));
    match counted {
        Ok(requests) if requests > limit => Err(too_many(limit, WINDOW - now % WINDOW)),
        Ok(_) => Ok(()),
        Err(error) => {
            let fields = json!({"error": error});
            log::warn(trace, "a request was not counted for rate_limit", fields);
            Ok(())
        }
    }
}

/// Counts a request, and returns the user's requests in the window so far.
fn count(redis: &impl Redis, subject: &str, now: u64) -> Result<u64, RedisError> {
    // All users of a window share a key, so that one key expires and not one for each.
    let key = format!("orilla:rate:{}", now / WINDOW);
    let args = [Arg::from(&*key), Arg::from(subject), Arg::Int(1)];
    let counted = redis.call("HINCRBY", &args)?;
    let requests = counted.first().and_then(Value::as_int).unwrap_or(0);
    if requests == 1 {
        redis.call("EXPIRE", &[Arg::from(&*key), Arg::Int(KEPT)])?;
    }
    Ok(requests.unsigned_abs())
}

fn too_many(limit: u64, seconds: u64) -> ApiError {
    let message = format!(
        "more than {limit} requests in a minute; send it again after the seconds in Retry-After"
    );
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use http::header;

    use super::*;

    /// Counts as Redis does, and notes which keys expire.
    #[derive(Default)]
    struct Counts {
        counts: RefCell<BTreeMap<(String, String), i64>>,
        expiring: RefCell<Vec<String>>,
    }

    fn words<const N: usize>(args: &[Arg<'_>]) -> [String; N] {
        let mut args = args.iter();
        std::array::from_fn(|_| match args.next() {
            Some(Arg::Text(text)) => (*text).to_owned(),
            Some(Arg::Int(number)) => number.to_string(),
            other => unreachable!("{other:?}"),
        })
    }

    impl Redis for Counts {
        fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, RedisError> {
            if command == "EXPIRE" {
                let [key, seconds] = words(args);
                assert!(seconds.parse::<u64>().unwrap() > WINDOW);
                self.expiring.borrow_mut().push(key);
                return Ok(vec![Value::Int(1)]);
            }
            assert_eq!(command, "HINCRBY");
            let [key, field, by] = words(args);
            let mut counts = self.counts.borrow_mut();
            let count = counts.entry((key, field)).or_default();
            *count += by.parse::<i64>().unwrap();
            Ok(vec![Value::Int(*count)])
        }
    }

    #[test]
    fn each_user_is_counted_alone_and_anew_in_each_minute() {
        let redis = Counts::default();
        let counted = |subject, now| count(&redis, subject, now).unwrap();
        assert_eq!([counted("ana", 120), counted("ana", 179)], [1, 2]);
        assert_eq!(counted("eva", 179), 1);
        assert_eq!(counted("ana", 180), 1);
        let expiring = redis.expiring.take();
        let keys = redis.counts.take().into_keys().map(|(key, _)| key);
        for key in keys {
            assert!(expiring.contains(&key), "{key} is kept for ever");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let refusal = too_many(60, 17);
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        let (name, seconds) = &refusal.headers[0];
        assert_eq!(
            (name, seconds.to_str().unwrap()),
            (&header::RETRY_AFTER, "17")
        );
    }
}

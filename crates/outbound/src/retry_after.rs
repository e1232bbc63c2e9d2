//! `Retry-After` (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// The longest wait; answers that ask for more get this one.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// The time that an answer asks to wait, at most a day; `None` where it asks for none that
/// can be read. A date counts from the answer's own `Date`, so that a service whose clock is
/// wrong is still understood, and from `now` where it has none.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        return Some(text.parse().map_or(MAX, Duration::from_secs).min(MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let sent = self::text(headers, &DATE).and_then(|text| httpdate::parse_http_date(text).ok());
    let wait = until.duration_since(sent.unwrap_or(now));
    // A date in the past asks for no wait.
    Some(wait.unwrap_or_default().min(MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;

    fn wait(value: &str, date: Option<&str>) -> Option<u64> {
        // 1994-11-06T08:49:30Z
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        for (value, seconds) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("99999999999", Some(DAY)),
            ("99999999999999999999999", Some(DAY)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(DAY)),
            ("soon", None),
            ("-1", None),
            ("+7", None),
            ("7.5", None),
            ("", None),
        ] {
            assert_eq!(wait(value, None), seconds, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_answer() {
        let value = "Tue, 24 Nov 2026 13:00:30 GMT";
        let wrong_clock = Some("Tue, 24 Nov 2026 13:00:00 GMT");
        assert_eq!(wait(value, wrong_clock), Some(30));
        assert_eq!(wait("9", wrong_clock), Some(9));
        assert_eq!(wait(value, Some("yesterday")), Some(DAY));
    }
}

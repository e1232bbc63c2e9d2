//! `Retry-After` (RFC 9110, 10.2.3).

use std::time::Duration;

use http::{HeaderMap, header};
use time::format_description::well_known::Rfc2822;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The longest time that is waited, whatever an answer says.
const MAX: Duration = Duration::from_secs(600);

/// The time that an answer asks to wait, given in seconds or as a date of HTTP; `None` for
/// anything else.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    parse(text, base::now_millis())
}

fn parse(text: &str, now: u64) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(MAX));
    }
    let until = date(text)?.unix_timestamp_nanos() / 1_000_000;
    let millis = (until - i128::from(now)).max(0);
    Some(Duration::from_millis(u64::try_from(millis).ok()?).min(MAX))
}

/// A date of HTTP in its one current form, `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<OffsetDateTime> {
    let date = text.strip_suffix("GMT")?;
    PrimitiveDateTime::parse(&format!("{date}+0000"), &Rfc2822)
        .ok()
        .map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        // 1994-11-06T08:49:30Z
        let now = 784_111_770_000;
        for (text, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("99999999999", Some(600)),
            ("Sun, 06 Nov 2094 08:49:37 GMT", Some(600)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}

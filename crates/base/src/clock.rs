//! The clock, dates as RFC 3339 and random numbers.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last millisecond of the year 9999, which is the last that RFC 3339 can write.
pub(crate) const LAST_MILLIS: u64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch.
pub fn now_millis() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A time as RFC 3339 in UTC with milliseconds: `2026-11-22T10:30:45.123Z`. A time after the
/// year 9999 is written as the last of that year.
pub fn rfc3339(millis: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(millis.min(LAST_MILLIS));
    let mut text = String::with_capacity(24);
    // Each request writes several times, and `time` reads a description of the format each
    // time. The write does not fail: the time is before the year 10000.
    let _ = write!(text, "{}", humantime::format_rfc3339_millis(time));
    text
}

/// Parses an RFC 3339 date and time into nanoseconds since the Unix epoch; `None` for any
/// other text. The separator is `T`, `t` or one blank (RFC 3339, 5.6).
pub fn parse_rfc3339(text: &str) -> Option<i128> {
    // The parser takes any byte as the separator.
    matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')).then_some(())?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(time.unix_timestamp_nanos())
}

/// A random number, uniform from 0 to 1, for the jitter of delays.
pub fn random() -> f64 {
    let mut bits = [0; 4];
    // Without random bytes the delay has no jitter, which does no harm.
    let _ = getrandom::fill(&mut bits);
    f64::from(u32::from_le_bytes(bits)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_rfc_3339() {
        for text in [
            "2025-07-13T10:30:00Z",
            "2025-07-13t10:30:00z",
            "2025-07-13 10:30:00Z",
            "2025-07-13T12:30:00.000+02:00",
        ] {
            let nanos = parse_rfc3339(text);
            assert_eq!(nanos, Some(1_752_402_600_000_000_000), "{text}");
        }
        for text in [
            "2025-07-13x10:30:00Z",
            "2025-07-13\x0010:30:00Z",
            "2025-07-13110:30:00Z",
            "2025-07-13_10:30:00Z",
            "2025-07-13  10:30:00Z",
            "2025-07-1310:30:00Z",
            "2025-07-13T10:30:00",
            "2025-07-13T10:30Z",
            "2025-02-30T10:30:00Z",
            "2025-07-13T24:00:00Z",
            "2025-07-13T10:30:00Z ",
            " 2025-07-13T10:30:00Z",
            "2025-07-13",
            "",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_are_written_with_milliseconds_in_utc() {
        assert_eq!(rfc3339(1_764_239_445_120), "2025-11-27T10:30:45.120Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}

//! The time of a change.

use serde_json::value::RawValue;

use crate::decimal::Decimal;

/// The last millisecond that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
const MAX_MILLIS: u64 = 253_402_300_799_999;

/// An `ApproximateCreationDateTime` in milliseconds since the Unix epoch. AWS writes
/// seconds as a number (`1568013979.0`, `1.568013979E9`); in Kinesis Data Streams
/// milliseconds or microseconds, which `precision` (`ApproximateCreationDateTimePrecision`)
/// tells, and otherwise the size of the number. Other tools write RFC 3339, some of them
/// without an offset, which is taken as UTC. `None` for anything else: the time is for
/// people and orders nothing.
pub(crate) fn millis(time: &RawValue, precision: Option<&RawValue>) -> Option<u64> {
    let string = |raw: &RawValue| serde_json::from_slice::<String>(raw.get().as_bytes()).ok();
    let precision = precision.and_then(string);
    let millis = match string(time) {
        None => from_number(time.get(), precision.as_deref()),
        Some(text) => from_number(&text, precision.as_deref()).or_else(|| from_date(&text)),
    };
    millis.filter(|millis| *millis <= MAX_MILLIS)
}

fn from_number(text: &str, precision: Option<&str>) -> Option<u64> {
    let number = Decimal::parse(text)?;
    let shift = match (precision, number.power()) {
        (Some("SECOND"), _) => 3,
        (Some("MILLISECOND"), _) => 0,
        (Some("MICROSECOND"), _) => -3,
        // Up to the year 5138 in seconds; the same number of milliseconds is in 1973.
        (_, ..=10) => 3,
        (_, 11..=13) => 0,
        (_, 14..=16) => -3,
        _ => return None,
    };
    number.shifted(shift)
}

fn from_date(text: &str) -> Option<u64> {
    let nanos = base::parse_rfc3339(text).or_else(|| base::parse_rfc3339(&format!("{text}Z")))?;
    u64::try_from(nanos.div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(time: &str, precision: Option<&str>) -> Option<u64> {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let precision = precision.map(raw);
        millis(&raw(time), precision.as_deref())
    }

    #[test]
    fn seconds_are_read_in_each_notation() {
        for text in [
            "1568013979",
            "1568013979.0",
            "1568013979.000",
            "1.568013979E9",
            "1.568013979e+9",
            "15680139790E-1",
            "\"1568013979\"",
            "\"1.568013979E9\"",
            "\"2019-09-09T07:26:19Z\"",
            "\"2019-09-09T07:26:19.000Z\"",
            "\"2019-09-09T09:26:19+02:00\"",
            "\"2019-09-09 07:26:19+00:00\"",
            "\"2019-09-09T07:26:19\"",
            "\"2019-09-09 07:26:19.0\"",
            "1568013979000",
            "1568013979000000",
            "1.568013979E15",
        ] {
            assert_eq!(read(text, None), Some(1_568_013_979_000), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_second_is_kept_to_the_millisecond() {
        assert_eq!(read("1568013979.123", None), Some(1_568_013_979_123));
        assert_eq!(read("1568013979.1239", None), Some(1_568_013_979_123));
        assert_eq!(read("1568013979.5", None), Some(1_568_013_979_500));
        assert_eq!(read("1568013979001999", None), Some(1_568_013_979_001));
        assert_eq!(
            read("\"2019-09-09T07:26:19.1239Z\"", None),
            Some(1_568_013_979_123)
        );
        assert_eq!(read("99999999999.9", None), Some(99_999_999_999_900));
        assert_eq!(read("0", None), Some(0));
        assert_eq!(read("0.0004", None), Some(0));
    }

    #[test]
    fn the_precision_tells_the_unit() {
        let told = |time, precision| read(time, Some(precision));
        assert_eq!(told("1000", "\"SECOND\""), Some(1_000_000));
        assert_eq!(told("1000", "\"MILLISECOND\""), Some(1000));
        assert_eq!(told("1000", "\"MICROSECOND\""), Some(1));
        assert_eq!(
            told("1568013979001999", "\"MICROSECOND\""),
            Some(1_568_013_979_001)
        );
        // Another one is as good as none.
        for other in ["null", "\"\"", "\"FORTNIGHT\"", "3", "{}"] {
            assert_eq!(told("1000", other), Some(1_000_000), "{other}");
        }
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in [
            "null",
            "true",
            "{}",
            "[1568013979]",
            "\"\"",
            "\"soon\"",
            "\"2019-09-09\"",
            "\"2019-02-30T07:26:19Z\"",
            "\"1960-01-01T00:00:00Z\"",
            "\"\\ud800\"",
            "-1",
            "-1568013979.0",
            "1e17",
            "1e999999999999999999999",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
        // The year 10000 cannot be written.
        assert_eq!(
            read("253402300799999", Some("\"MILLISECOND\"")),
            Some(MAX_MILLIS)
        );
        assert_eq!(read("253402300800000", Some("\"MILLISECOND\"")), None);
        assert_eq!(read("253402300800", Some("\"SECOND\"")), None);
    }

    proptest! {
        #[test]
        fn each_time_of_this_age_is_read_whatever_the_unit(
            expected in 1_000_000_000_000u64..4_000_000_000_000, micros in 0u64..1000,
        ) {
            let (seconds, part) = (expected / 1000, expected % 1000);
            for text in [
                format!("{seconds}.{part:03}{micros:03}"),
                expected.to_string(),
                (expected * 1000 + micros).to_string(),
                format!("\"{}\"", base::rfc3339(expected)),
            ] {
                prop_assert_eq!(read(&text, None), Some(expected), "{}", text);
            }
        }
    }
}

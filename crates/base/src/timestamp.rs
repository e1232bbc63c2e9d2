//! Points in time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::{LAST_MILLIS, now_millis};

/// A point in time, to the millisecond. It is written as RFC 3339 in UTC:
/// `2026-11-22T10:30:45.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// A text that is not a date and time from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time as RFC 3339 has it, as in 2026-11-22T10:30:45Z")]
pub struct NoTimestamp;

impl Timestamp {
    /// The present time.
    pub fn now() -> Self {
        Self::from_millis(now_millis())
    }

    /// The time this many milliseconds after the Unix epoch, at most the end of the year
    /// 9999.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(LAST_MILLIS))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::rfc3339(self.0))
    }
}

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        let nanos = crate::parse_rfc3339(text).ok_or(NoTimestamp)?;
        let millis = u64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| NoTimestamp)?;
        let has_year = millis <= LAST_MILLIS;
        has_year.then_some(Self(millis)).ok_or(NoTimestamp)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NoTimestamp;

    fn try_from(text: String) -> Result<Self, NoTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_in_utc() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_239_445_120, "2025-11-27T10:30:45.120Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn any_rfc_3339_since_1970_is_read() {
        for text in [
            "2025-11-27T12:30:45.120+02:00",
            "2025-11-27t10:30:45.12z",
            "2025-11-27T10:30:45.120999Z",
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(time.millis(), 1_764_239_445_120, "{text}");
        }
        for text in [
            "",
            "now",
            "2025-11-27",
            "1969-12-31T23:59:59Z",
            "1969-12-31T23:59:59.9999Z",
            "9999-12-31T23:59:59-01:00",
            "2025-11-27x10:30:45Z",
            "0",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NoTimestamp), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_comes_back_as_it_went_and_texts_are_in_the_order_of_time(one in 0..=LAST_MILLIS, other in 0..=LAST_MILLIS) {
            let [one, other] = [one, other].map(Timestamp::from_millis);
            let json = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), one);
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}

//! The date and time of a purchase.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use serde::{Deserialize, Serialize};

const DAY: &str = "2025-07-13";
const FORM: &str = "2025-07-13 10:30:00";

/// The date and time of a purchase in UTC, to the second: `2025-07-13 10:30:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fecha(Timestamp);

/// A text that is not a date of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a date and time in UTC as in 2025-07-13 10:30:00, a date alone, or RFC 3339, from 1970 on"
)]
pub struct NoFecha;

impl Fecha {
    /// A day in milliseconds.
    pub const DAY: u64 = 24 * 60 * 60 * 1_000;

    /// The time this many milliseconds after the Unix epoch, at most the end of the year
    /// 9999.
    pub fn from_millis(millis: u64) -> Self {
        let millis = Timestamp::from_millis(millis).millis();
        Self(Timestamp::from_millis(millis / 1_000 * 1_000))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0.millis()
    }

    /// The day: `2025-07-13`.
    pub fn day(self) -> String {
        let mut text = self.to_string();
        text.truncate(DAY.len());
        text
    }

    /// The first moment of a day that is written as in `2025-07-13`.
    ///
    /// # Errors
    /// It is not a day from 1970 on.
    pub fn of_day(text: &str) -> Result<Self, NoFecha> {
        let is_day = text.len() == DAY.len();
        is_day.then(|| text.parse()).ok_or(NoFecha)?
    }
}

impl FromStr for Fecha {
    type Err = NoFecha;

    /// Reads the seed's form, a date alone (its midnight), or RFC 3339, whose fraction of a
    /// second is cut off.
    fn from_str(text: &str) -> Result<Self, NoFecha> {
        let text = match text.len() {
            length if length == DAY.len() => Cow::Owned(format!("{text}T00:00:00Z")),
            length if length == FORM.len() && text.contains(' ') => Cow::Owned(format!("{text}Z")),
            _ => Cow::Borrowed(text),
        };
        let time: Timestamp = text.parse().map_err(|_| NoFecha)?;
        Ok(Self::from_millis(time.millis()))
    }
}

impl fmt::Display for Fecha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string().replace('T', " ");
        f.write_str(text.get(..FORM.len()).unwrap_or_default())
    }
}

impl TryFrom<String> for Fecha {
    type Error = NoFecha;

    fn try_from(text: String) -> Result<Self, NoFecha> {
        text.parse()
    }
}

impl From<Fecha> for String {
    fn from(fecha: Fecha) -> Self {
        fecha.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_is_kept_in_one_form_and_in_utc() {
        for (text, kept) in [
            ("2025-07-13 10:30:00", "2025-07-13 10:30:00"),
            ("2025-07-13", "2025-07-13 00:00:00"),
            ("2025-07-13T10:30:00Z", "2025-07-13 10:30:00"),
            ("2025-07-13T23:30:00.999-05:00", "2025-07-14 04:30:00"),
            ("2025-07-13 10:30:00+02:00", "2025-07-13 08:30:00"),
            ("2016-12-31 23:59:60", "2016-12-31 23:59:59"),
            ("1970-01-01", "1970-01-01 00:00:00"),
            ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ] {
            assert_eq!(text.parse::<Fecha>().unwrap().to_string(), kept, "{text}");
        }
        assert_eq!(Fecha::from_millis(u64::MAX).millis(), 253_402_300_799_000);
        for text in [
            "",
            "ayer",
            "2025-07-13 10:30",
            "2025-07-13  10:30:00",
            "2025-07-13x10:30:00",
            "2025-07-13T10:30:00",
            "2025-02-30",
            "1969-12-31",
            "1969-12-31 23:59:59",
            "9999-12-31T23:59:59-01:00",
            "10000-01-01",
            "2025-07-13 24:00:00",
            "+2025-07-13",
            "+025-07-13",
            "2025-07-13 10:30:0Z",
            "2025-7-13",
        ] {
            assert_eq!(text.parse::<Fecha>(), Err(NoFecha), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_comes_back_as_it_went(seconds in 0_u64..253_402_300_800) {
            let fecha = Fecha::from_millis(seconds * 1_000);
            prop_assert_eq!(fecha.millis(), seconds * 1_000);
            prop_assert_eq!(fecha.to_string().parse(), Ok(fecha));
            let day = Fecha::of_day(&fecha.day()).unwrap();
            prop_assert_eq!(fecha.millis() - day.millis(), fecha.millis() % 86_400_000);
        }
    }
}

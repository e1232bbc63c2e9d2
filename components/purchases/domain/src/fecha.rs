//! The date and time of a purchase.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, PrimitiveDateTime, Time, UtcDateTime};

const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// The years that dates may have.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// The date and time of a purchase in UTC, to the second: `2025-07-13 10:30:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fecha(UtcDateTime);

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
        let seconds = i64::try_from(millis / 1_000).unwrap_or(i64::MAX);
        let time = UtcDateTime::from_unix_timestamp(seconds);
        Self(time.unwrap_or(UtcDateTime::MAX))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0.unix_timestamp().unsigned_abs() * 1_000
    }

    /// The day: `2025-07-13`.
    pub fn day(self) -> String {
        self.0.date().format(DAY).unwrap_or_default()
    }

    /// The first moment of a day that is written as in `2025-07-13`.
    ///
    /// # Errors
    /// It is not a day from 1970 on.
    pub fn of_day(text: &str) -> Result<Self, NoFecha> {
        let date = Date::parse(text, DAY).map_err(|_| NoFecha)?;
        // The parser takes a sign before the year.
        (text.len() == "2025-07-13".len())
            .then_some(())
            .ok_or(NoFecha)?;
        Self::checked(PrimitiveDateTime::new(date, Time::MIDNIGHT).as_utc())
    }

    fn checked(time: UtcDateTime) -> Result<Self, NoFecha> {
        let time = time.replace_nanosecond(0).unwrap_or(time);
        YEARS
            .contains(&time.year())
            .then_some(Self(time))
            .ok_or(NoFecha)
    }
}

impl FromStr for Fecha {
    type Err = NoFecha;

    /// Reads the seed's form, a date alone (its midnight), or RFC 3339, whose fraction of a
    /// second is cut off.
    fn from_str(text: &str) -> Result<Self, NoFecha> {
        // The parser takes a sign before the year.
        let is_year = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        is_year.then_some(()).ok_or(NoFecha)?;
        if let Ok(time) = PrimitiveDateTime::parse(text, FORM) {
            return Self::checked(time.as_utc());
        }
        if let Some(nanos) = base::parse_rfc3339(text) {
            let time = UtcDateTime::from_unix_timestamp_nanos(nanos);
            return Self::checked(time.map_err(|_| NoFecha)?);
        }
        Self::of_day(text)
    }
}

impl fmt::Display for Fecha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(FORM).unwrap_or_default())
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
            ("1970-01-01", "1970-01-01 00:00:00"),
            ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ] {
            assert_eq!(text.parse::<Fecha>().unwrap().to_string(), kept, "{text}");
        }
        for text in [
            "",
            "ayer",
            "2025-07-13 10:30",
            "2025-07-13  10:30:00",
            "2025-07-13x10:30:00",
            "2025-02-30",
            "1969-12-31",
            "10000-01-01",
            "2025-07-13 24:00:00",
            "+2025-07-13",
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

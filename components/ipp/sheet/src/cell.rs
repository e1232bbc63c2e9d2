//! The text of a cell.

use std::borrow::Cow;

use calamine::{DataRef, ExcelDateTime, ExcelDateTimeType};

use crate::Problem;

/// A cell's text in the CSV, and the problem with the cell, if there is one.
pub(crate) fn text<'a>(value: &'a DataRef<'_>) -> (Cow<'a, str>, Option<Problem>) {
    match value {
        DataRef::Empty => (Cow::Borrowed(""), None),
        DataRef::String(text) => (Cow::Borrowed(text.as_str()), None),
        DataRef::SharedString(text) => (Cow::Borrowed(*text), None),
        DataRef::Int(number) => (Cow::Owned(number.to_string()), None),
        DataRef::Float(number) => {
            let (text, problem) = self::number(*number);
            (Cow::Owned(text), problem)
        }
        DataRef::Bool(true) => (Cow::Borrowed("TRUE"), None),
        DataRef::Bool(false) => (Cow::Borrowed("FALSE"), None),
        DataRef::Error(error) => (Cow::Owned(error.to_string()), Some(Problem::ErrorValue)),
        DataRef::DateTime(moment) => {
            let (text, problem) = if moment.is_duration() {
                duration(moment.as_f64())
            } else {
                date(moment)
            };
            (Cow::Owned(text), problem)
        }
        DataRef::DateTimeIso(text) => {
            let day = text.strip_suffix('Z').unwrap_or(text);
            let day = day.strip_suffix(".000").unwrap_or(day);
            (
                Cow::Borrowed(day.strip_suffix("T00:00:00").unwrap_or(text)),
                None,
            )
        }
        DataRef::DurationIso(text) => (Cow::Borrowed(text.as_str()), None),
    }
}

/// From here on a number is written with an exponent, as JavaScript and Excel's own
/// widest columns do.
const EXPONENT_FROM: i32 = 21;
/// Excel counts and shows this many digits. From the 16th on, a workbook doesn't keep them.
const DIGITS: i32 = 15;

/// A number with the 15 digits that Excel shows, and never with an exponent below 1e21. A
/// whole number keeps the digits that the file has.
pub(crate) fn number(value: f64) -> (String, Option<Problem>) {
    if !value.is_finite() {
        return (value.to_string(), Some(Problem::ErrorValue));
    }
    let shown = format!("{value:.14e}");
    let Some((digits, exponent)) = shown.split_once('e') else {
        return (shown, None);
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value.fract() == 0.0 && exponent < EXPONENT_FROM {
        // Zero has no sign in Excel.
        let text = if value == 0.0 {
            String::from("0")
        } else {
            value.to_string()
        };
        return (text, (exponent >= DIGITS).then_some(Problem::DigitsLost));
    }
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let digits: String = digits.chars().filter(|digit| *digit != '.').collect();
    let digits = digits.trim_end_matches('0');
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    let text = if exponent >= EXPONENT_FROM || exponent <= -EXPONENT_FROM {
        format!("{sign}{first}{point}{rest}E{exponent:+}")
    } else if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        format!("{sign}0.{zeros}{digits}")
    } else {
        let whole = exponent as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, rest)) if !rest.is_empty() => format!("{sign}{whole}.{rest}"),
            _ => format!("{sign}{digits:0<whole$}"),
        }
    };
    (text, None)
}

const MILLISECONDS_OF_DAY: f64 = 86_400_000.0;

/// Days as they are counted, and the milliseconds of the last one.
fn split(days: f64) -> (f64, u32) {
    let all = (days * MILLISECONDS_OF_DAY).round();
    let whole = (all / MILLISECONDS_OF_DAY).floor();
    (whole, (all - whole * MILLISECONDS_OF_DAY) as u32)
}

/// `HH:MM:SS`, and `.mmm` if there are milliseconds.
fn clock(hours: u64, milliseconds: u32) -> String {
    let seconds = milliseconds / 1000;
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    match milliseconds % 1000 {
        0 => format!("{hours:02}:{minute:02}:{second:02}"),
        rest => format!("{hours:02}:{minute:02}:{second:02}.{rest:03}"),
    }
}

/// A date as ISO 8601 writes it, with the time if there is one, or only the time if there
/// is no day.
///
/// Day 60 of Excel's first year is 1900-02-29, which never was.
fn date(moment: &ExcelDateTime) -> (String, Option<Problem>) {
    // The last day of 9999, by either way to count.
    const END: f64 = 2_958_466.0;
    let serial = moment.as_f64();
    if !(0.0..END).contains(&serial) {
        return (number(serial).0, Some(Problem::NoDate));
    }
    let (day, milliseconds) = split(serial);
    let time = clock(u64::from(milliseconds / 3_600_000), milliseconds);
    if day == 0.0 {
        return (time, None);
    }
    let day = {
        let is_1904 = *moment != ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, false);
        ExcelDateTime::new(day, ExcelDateTimeType::DateTime, is_1904)
    };
    let (year, month, day, ..) = day.to_ymd_hms_milli();
    let mut text = format!("{year:04}-{month:02}-{day:02}");
    if milliseconds > 0 {
        text.push('T');
        text.push_str(&time);
    }
    (text, None)
}

/// A duration as Excel shows it, with hours beyond a day: `30:00:00`.
fn duration(days: f64) -> (String, Option<Problem>) {
    // More than the age of the universe in hours, and whole milliseconds.
    const END: f64 = 1e8;
    if !(-END..END).contains(&days) {
        return (number(days).0, Some(Problem::NoDate));
    }
    let (whole, milliseconds) = split(days.abs());
    let hours = whole as u64 * 24 + u64::from(milliseconds / 3_600_000);
    let sign = if days < 0.0 { "-" } else { "" };
    (format!("{sign}{}", clock(hours, milliseconds)), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_fifteen_digits_that_excel_shows() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (0.47, "0.47"),
            (99.99 + 0.02, "100.01"),
            (7.000_000_000_000_001, "7"),
            (0.1 + 0.2, "0.3"),
            (2.47, "2.47"),
            (1234.5, "1234.5"),
            (999_999_999_999_999.9, "1000000000000000"),
            (0.000_001_5, "0.0000015"),
            (1.5e-20, "0.000000000000000000015"),
            (1.5e-21, "1.5E-21"),
            (123_456.789e-3, "123.456789"),
        ] {
            assert_eq!(number(value).0, text);
        }
    }

    #[test]
    fn an_identifier_has_no_exponent_and_keeps_the_digits_of_the_file() {
        for (value, text, problem) in [
            (7_501_055_300_105.0, "7501055300105", None),
            (999_999_999_999_999.0, "999999999999999", None),
            (
                9_007_199_254_740_991.0,
                "9007199254740991",
                Some(Problem::DigitsLost),
            ),
            (
                123_456_789_012_345_678.0,
                "123456789012345680",
                Some(Problem::DigitsLost),
            ),
            (1e20, "100000000000000000000", Some(Problem::DigitsLost)),
            (1e21, "1E+21", None),
            (-1.25e300, "-1.25E+300", None),
        ] {
            assert_eq!(number(value), (text.to_owned(), problem));
        }
        assert_eq!(number(f64::NAN).1, Some(Problem::ErrorValue));
    }

    fn moment(serial: f64, is_1904: bool) -> (String, Option<Problem>) {
        date(&ExcelDateTime::new(
            serial,
            ExcelDateTimeType::DateTime,
            is_1904,
        ))
    }

    #[test]
    fn a_date_is_iso_8601_with_the_time_if_there_is_one() {
        for (serial, is_1904, text) in [
            (45_292.0, false, "2024-01-01"),
            (43_830.0, true, "2024-01-01"),
            (45_292.5, false, "2024-01-01T12:00:00"),
            (45_943.541, false, "2025-10-13T12:59:02.400"),
            (0.5, false, "12:00:00"),
            (0.0, false, "00:00:00"),
            (1.0, false, "1900-01-01"),
            (1.0, true, "1904-01-02"),
            (60.0, false, "1900-02-29"),
            (61.0, false, "1900-03-01"),
            (45_291.999_999_999_9, false, "2024-01-01"),
            (2_958_465.0, false, "9999-12-31"),
        ] {
            assert_eq!(moment(serial, is_1904), (text.to_owned(), None));
        }
    }

    #[test]
    fn a_date_outside_of_the_calendar_stays_a_number() {
        for serial in [-1.0, 2_958_466.0, 1e15] {
            assert_eq!(
                moment(serial, false),
                (number(serial).0, Some(Problem::NoDate))
            );
        }
        assert_eq!(moment(f64::NAN, false).1, Some(Problem::NoDate));
    }

    #[test]
    fn a_duration_counts_hours_beyond_a_day() {
        for (days, text) in [
            (1.25, "30:00:00"),
            (0.0, "00:00:00"),
            (-0.5, "-12:00:00"),
            (1.0 / 86_400.0, "00:00:01"),
            (1000.0, "24000:00:00"),
        ] {
            assert_eq!(duration(days), (text.to_owned(), None));
        }
        assert_eq!(duration(f64::INFINITY).1, Some(Problem::NoDate));
    }
}

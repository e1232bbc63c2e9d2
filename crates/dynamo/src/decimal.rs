//! Decimal numbers as text, without doubles.

use std::cmp::Ordering;

/// The maximum number of digits from the first to the last that is not zero
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>).
const MAX_DIGITS: usize = 38;
/// The powers of ten that the first digit of a number may have.
const MIN_POWER: i64 = -130;
const MAX_POWER: i64 = 125;
/// The maximum number of characters of a number. The longest one that needs them has 170:
/// 38 digits after a sign and 130 zeros with their point.
const MAX_LENGTH: usize = 256;

/// A decimal number with its spelling: an optional sign, digits with an optional point,
/// an optional exponent.
#[derive(Debug)]
pub(crate) struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// With its letter, as in `E+2`; empty if there is none.
    exponent: &'a str,
    /// The digits from the first to the last that is not zero; empty for zero.
    digits: String,
    /// The power of ten of the first digit; for zero, that of its exponent.
    power: i64,
}

impl<'a> Decimal<'a> {
    /// Parses a number of any size; `None` for another text.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let at = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
        let (mantissa, exponent) = unsigned.split_at_checked(at)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let has_digits = !(whole.is_empty() && fraction.is_empty());
        if !has_digits || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let shift = match exponent.get(1..) {
            None => 0,
            Some(shift) => {
                let size = shift.strip_prefix(['+', '-']).unwrap_or(shift);
                if size.is_empty() || !is_digits(size) {
                    return None;
                }
                let size = size.trim_start_matches('0');
                // 9 digits are beyond each limit already; none is 0.
                let size: i64 = size.get(..9).unwrap_or(size).parse().unwrap_or(0);
                if shift.starts_with('-') { -size } else { size }
            }
        };
        let all = format!("{whole}{fraction}");
        let counted = all.trim_start_matches('0');
        let power = match counted {
            "" => shift,
            _ => shift + signed(whole.len()) - 1 - signed(all.len() - counted.len()),
        };
        Some(Self {
            is_negative,
            whole,
            fraction,
            exponent,
            digits: counted.trim_end_matches('0').to_owned(),
            power,
        })
    }

    /// Parses an attribute of the type `N`, within DynamoDB's limits.
    ///
    /// # Errors
    /// The limit that it breaks, worded to follow a place.
    pub(crate) fn attribute(text: &'a str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("must have at most {MAX_LENGTH} characters"));
        }
        let number = Self::parse(text).ok_or_else(|| {
            let text = base::shorten(text, 64);
            format!("must be a decimal number and not {text:?}")
        })?;
        if number.digits.len() > MAX_DIGITS {
            return Err(format!(
                "must have at most {MAX_DIGITS} digits: {}",
                base::shorten(text, 64)
            ));
        }
        if !(MIN_POWER..=MAX_POWER).contains(&number.power) {
            return Err(format!(
                "must be 0 or from 1E{MIN_POWER} to below 1E{}, with either sign: {}",
                MAX_POWER + 1,
                base::shorten(text, 64)
            ));
        }
        Ok(number)
    }

    /// The number as JSON, with all its digits and its exponent; only forms that JSON's
    /// grammar (RFC 8259, 6) forbids are changed.
    pub(crate) fn json(&self) -> String {
        let sign = if self.is_negative { "-" } else { "" };
        let whole = match self.whole.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        let point = if self.fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{}{}", self.fraction, self.exponent)
    }

    /// The value in scientific notation, the same text for all spellings: `1.5E1`.
    pub(crate) fn canonical(&self) -> String {
        let Some((first, rest)) = self.digits.split_at_checked(1) else {
            return "0".to_owned();
        };
        let sign = if self.is_negative { "-" } else { "" };
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{}", self.power)
    }

    /// The order of the values.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        let by_size = || {
            let by_power = self.power.cmp(&other.power);
            by_power.then_with(|| self.digits.cmp(&other.digits))
        };
        by_sign.then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => by_size(),
            _ => by_size().reverse(),
        })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }

    /// The power of ten of the first digit.
    pub(crate) fn power(&self) -> i64 {
        self.power
    }

    /// The number times ten to the `shift`, rounded down to a whole number; `None` if it is
    /// negative or has more than 18 digits.
    pub(crate) fn shifted(&self, shift: i64) -> Option<u64> {
        match self.sign() {
            0 => return Some(0),
            1 => (),
            _ => return None,
        }
        let power = self.power + shift;
        if power < 0 {
            return Some(0);
        }
        let length = usize::try_from(power + 1).ok().filter(|n| *n <= 18)?;
        let digits = self.digits.get(..length).unwrap_or(&self.digits);
        format!("{digits:0<length$}").parse().ok()
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn json(text: &str) -> String {
        Decimal::attribute(text).unwrap().json()
    }

    #[test]
    fn a_number_keeps_its_digits_and_its_exponent() {
        for text in [
            "0",
            "-0",
            "0.00",
            "7",
            "1.10",
            "199.98",
            "-12.50",
            "1E3",
            "1e-7",
            "1E+2",
            "0.000000000000000000000000000001",
            "12345678901234567890123456789012345678",
            "0.12345678901234567890123456789012345678",
            "110111111111111110000000000000000000000",
            "9.9999999999999999999999999999999999999E+125",
            "-9.9999999999999999999999999999999999999E125",
            "1E-130",
            "-1E-130",
        ] {
            assert_eq!(json(text), text);
        }
        let small = format!(
            "0.{}12345678901234567890123456789012345678",
            "0".repeat(129)
        );
        assert_eq!(json(&small), small);
    }

    #[test]
    fn a_spelling_that_json_forbids_is_changed_without_a_digit_less() {
        for (text, expected) in [
            ("+1", "1"),
            ("+1.50", "1.50"),
            (".5", "0.5"),
            ("-.50", "-0.50"),
            ("+.5E1", "0.5E1"),
            ("01", "1"),
            ("-007.70", "-7.70"),
            ("00", "0"),
            ("00.0", "0.0"),
            ("1.", "1"),
            ("01.E+2", "1E+2"),
            ("1.e5", "1e5"),
            ("1E005", "1E005"),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", " ", "+", "-", ".", "+.", "E1", ".E1", "1E", "1E+", "1E1.5", "1.2.3", "--1", "+-1",
            "1 ", " 1", "1_000", "1,5", "0x1", "NaN", "Infinity", "-inf", "null", "١", "1é", "é1",
            "1E١", "1\0",
        ] {
            assert!(Decimal::attribute(text).is_err(), "{text:?}");
            assert!(Decimal::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn what_is_beyond_a_limit_of_dynamodb_is_refused() {
        let long = format!("1{}", "0".repeat(256));
        for (text, problem) in [
            ("123456789012345678901234567890123456789", "38 digits"),
            ("0.123456789012345678901234567890123456789", "38 digits"),
            ("100000000000000000000000000000000000001", "38 digits"),
            ("1E126", "from 1E-130 to below 1E126"),
            ("-1E126", "to below"),
            ("10E125", "to below"),
            ("0.9E-130", "to below"),
            ("9.9999999999999999999999999999999999999E-131", "to below"),
            ("1E999999999999999999999999", "to below"),
            ("1E-999999999999999999999999", "to below"),
            ("0E999", "to below"),
            (&long, "256 characters"),
        ] {
            let told = Decimal::attribute(text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
        }
        // Zeros at both ends do not count, however the point is moved.
        assert_eq!(json("0010E124"), "10E124");
        assert_eq!(json("0.01E127"), "0.01E127");
        assert_eq!(json("0.10E-129"), "0.10E-129");
    }

    #[test]
    fn a_value_has_one_canonical_text() {
        for (texts, expected) in [
            (&["0", "-0", "0.00", "0E5", "+0"][..], "0"),
            (&["15", "15.0", "+015", "1.5E1", "150E-1", ".15e2"], "1.5E1"),
            (&["-0.001", "-1E-3", "-.0010"], "-1E-3"),
            (&["100", "1E2", "1E+02"], "1E2"),
        ] {
            for text in texts {
                let number = Decimal::attribute(text).unwrap();
                assert_eq!(number.canonical(), expected, "{text}");
            }
        }
        // One double, two numbers.
        let one = Decimal::attribute("9007199254740993").unwrap();
        let other = Decimal::attribute("9007199254740992").unwrap();
        assert_ne!(one.canonical(), other.canonical());
    }

    /// The digits times ten to the exponent, spelled in many ways.
    fn spelled() -> impl Strategy<Value = (String, String)> {
        let parts = ("[1-9][0-9]{0,37}", -90i64..87, 0usize..4, 0usize..4);
        let style = (0usize..41, "[+-]?", "[eE]", "\\+?0{0,3}");
        (parts, style).prop_map(|((digits, exponent, before, after), style)| {
            let (point, sign, letter, plus) = style;
            let minus = sign.trim_start_matches('+');
            let plain = format!("{minus}{digits}E{exponent}");
            let all = format!("{}{digits}{}", "0".repeat(before), "0".repeat(after));
            let (whole, fraction) = all.split_at(point.min(all.len()));
            let moved = i64::try_from(fraction.len() + digits.len()).unwrap()
                - i64::try_from(digits.len() + after).unwrap();
            let power = exponent + moved;
            let power = match power {
                ..0 => power.to_string(),
                _ => format!("{plus}{power}"),
            };
            (format!("{sign}{whole}.{fraction}{letter}{power}"), plain)
        })
    }

    proptest! {
        #[test]
        fn each_spelling_of_a_value_is_json_of_this_value((odd, plain) in spelled()) {
            let odd = Decimal::attribute(&odd).unwrap();
            let plain = Decimal::attribute(&plain).unwrap();
            prop_assert_eq!(odd.canonical(), plain.canonical());
            prop_assert_eq!(odd.order(&plain), Ordering::Equal);
            let written = odd.json();
            let read: &RawValue = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(Decimal::attribute(read.get()).unwrap().canonical(), plain.canonical());
        }

        #[test]
        fn the_order_is_that_of_the_values(
            one in -99_999i128..99_999, other in -99_999i128..99_999,
            places in 0usize..4, more in 0usize..4,
        ) {
            // In units of 1E-8, which both can be counted in.
            let unit = |n: i128, places: usize| n * 10i128.pow(8 - u32::try_from(places).unwrap());
            let a = format!("{one}E-{places}");
            let b = format!("{other}{}E-{}", "0".repeat(more), places + more);
            let (a, b) = (Decimal::attribute(&a).unwrap(), Decimal::attribute(&b).unwrap());
            prop_assert_eq!(a.order(&b), unit(one, places).cmp(&unit(other, places)));
            prop_assert_eq!(b.order(&a), unit(other, places).cmp(&unit(one, places)));
        }

        #[test]
        fn a_shifted_number_is_rounded_down(n in 0u64..999_999_999, shift in -9i64..9) {
            let text = n.to_string();
            let number = Decimal::parse(&text).unwrap();
            let power = 10u64.pow(u32::try_from(shift.abs()).unwrap());
            let expected = if shift < 0 { n / power } else { n * power };
            prop_assert_eq!(number.shifted(shift), Some(expected));
        }

        #[test]
        fn no_text_makes_it_panic(noise in ".{0,40}", like in "[-+.eE0-9]{0,40}") {
            for text in [noise, like] {
                let _ = Decimal::parse(&text).and_then(|number| number.shifted(3));
                if let Ok(number) = Decimal::attribute(&text) {
                    let json = number.json();
                    prop_assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "{}", json);
                }
            }
        }
    }
}

//! Exact numbers.

use std::fmt;
use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, Zero};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A decimal number of up to 38 digits, within DynamoDB's limits, with the digits that it
/// was written with: `1.50` stays `1.50`.
///
/// JSON has it as a number. A string of one is read, too: that is how clients without
/// exact numbers keep the digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    /// The number for sums.
    pub fn value(&self) -> BigDecimal {
        // Each text that `from_str` accepts is a number.
        self.0.parse().unwrap_or_default()
    }
}

impl FromStr for Decimal {
    type Err = String;

    /// # Errors
    /// The limit that it breaks, worded to follow a name.
    fn from_str(text: &str) -> Result<Self, String> {
        dynamo::number(text).map(Self)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(&raw).map_err(D::Error::custom)
    }
}

impl Decimal {
    /// Reads a JSON number, or a string of one.
    ///
    /// # Errors
    /// Why it is neither, worded to follow a name.
    pub fn read(raw: &RawValue) -> Result<Self, String> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => text.parse(),
            Some(b'"') => serde_json::from_slice::<String>(text.as_bytes())
                .map_err(|_| "must be a number".to_owned())?
                .trim()
                .parse(),
            _ => Err("must be a number".to_owned()),
        }
    }
}

/// Digits as a JSON number; null if they are none.
fn number(digits: &str) -> Option<Box<RawValue>> {
    serde_json::from_slice(digits.as_bytes()).ok()
}

/// A sum, in plain digits without an exponent and without zeros at its end.
pub(crate) fn plain(sum: &BigDecimal) -> String {
    match sum.is_zero() {
        true => "0".to_owned(),
        false => sum.normalized().to_plain_string(),
    }
}

/// An amount, rounded half up (away from zero) to this many digits after the point.
pub(crate) fn rounded(amount: &BigDecimal, digits: u16) -> BigDecimal {
    amount.with_scale_round(digits.into(), RoundingMode::HalfUp)
}

/// A number for JSON, with all its digits.
pub(crate) fn json(number: &BigDecimal) -> Option<Box<RawValue>> {
    self::number(&number.to_plain_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        let decimal = Decimal::read(&raw)?;
        Ok(serde_json::to_string(&decimal).unwrap())
    }

    #[test]
    fn a_number_keeps_the_digits_that_it_came_with() {
        for (text, digits) in [
            ("1.50", "1.50"),
            ("\"1.50\"", "1.50"),
            ("\" 007\"", "7"),
            ("1e2", "1e2"),
            ("-0.10", "-0.10"),
            (
                "12345678901234567890123456789012345678",
                "12345678901234567890123456789012345678",
            ),
            (
                "110111111111111110000000000000000000000",
                "110111111111111110000000000000000000000",
            ),
        ] {
            assert_eq!(read(text).unwrap(), digits);
        }
        for (text, told) in [
            ("null", "must be a number"),
            ("\"\"", "must be"),
            ("\"a\"", "must be"),
            ("[1]", "must be a number"),
            ("true", "must be a number"),
            ("123456789012345678901234567890123456789", "38 digits"),
            ("1e400", "1E"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn sums_are_exact_and_rounding_is_half_up() {
        let tenth: Decimal = "0.1".parse().unwrap();
        let sum: BigDecimal = (0..3).map(|_| tenth.value()).sum();
        assert_eq!(plain(&sum), "0.3");
        for (amount, digits, told) in [
            ("2.345", 2, "2.35"),
            ("-2.345", 2, "-2.35"),
            ("2.344999", 2, "2.34"),
            ("2", 2, "2.00"),
            ("0.5", 0, "1"),
            ("1e2", 2, "100.00"),
        ] {
            let amount: Decimal = amount.parse().unwrap();
            let rounded = json(&rounded(&amount.value(), digits)).unwrap();
            assert_eq!(rounded.get(), told);
        }
        assert_eq!(plain(&"1e3".parse::<Decimal>().unwrap().value()), "1000");
    }
}

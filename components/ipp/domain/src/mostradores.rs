//! Mostradores: the counters of shops that a job is about, by their numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The max digits of a number: all of them fit into the `BIGINT` of the table.
const MAX_DIGITS: usize = 18;

/// The number of a mostrador: 1 to 18 digits, kept without leading zeros, since the table
/// holds numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mostrador(String);

/// A text that is no number of a mostrador.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of 1 to {MAX_DIGITS} digits")]
pub struct NoMostrador;

impl Mostrador {
    /// The number in decimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mostrador {
    type Err = NoMostrador;

    fn from_str(text: &str) -> Result<Self, NoMostrador> {
        let is_number = (1..=MAX_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(NoMostrador);
        }
        let digits = text.trim_start_matches('0');
        Ok(Self(
            if digits.is_empty() { "0" } else { digits }.to_owned(),
        ))
    }
}

impl TryFrom<String> for Mostrador {
    type Error = NoMostrador;

    fn try_from(text: String) -> Result<Self, NoMostrador> {
        text.parse()
    }
}

impl From<Mostrador> for String {
    fn from(mostrador: Mostrador) -> Self {
        mostrador.0
    }
}

impl fmt::Display for Mostrador {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_with_and_without_leading_zeros() {
        for (text, number) in [
            ("7051602", "7051602"),
            ("0007051602", "7051602"),
            ("0", "0"),
            ("000", "0"),
            ("999999999999999999", "999999999999999999"),
        ] {
            assert_eq!(text.parse::<Mostrador>().unwrap().as_str(), number);
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in [
            "",
            " 1",
            "-1",
            "+1",
            "1.0",
            "abc",
            "1e3",
            "٣",
            "7051602 OR 1=1",
            "1234567890123456789",
        ] {
            assert_eq!(text.parse::<Mostrador>(), Err(NoMostrador), "{text}");
        }
    }
}

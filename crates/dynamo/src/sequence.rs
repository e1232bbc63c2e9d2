//! Sequence numbers, which order the changes of an item.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The maximum number of digits. AWS writes 21 to 40.
const MAX_DIGITS: usize = 64;

/// A `SequenceNumber`: a whole number of up to 64 digits, which grows with each change of
/// an item. Leading zeros do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(String);

/// A text that is not a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_DIGITS} digits")]
pub struct NoSequence;

impl Sequence {
    /// At least 40 digits, with zeros in front. Texts of this length are ordered as their
    /// numbers are; AWS has no longer ones.
    pub fn padded(&self) -> String {
        format!("{:0>40}", self.0)
    }
}

impl FromStr for Sequence {
    type Err = NoSequence;

    fn from_str(text: &str) -> Result<Self, NoSequence> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoSequence);
        }
        let digits = match text.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        match digits.len() {
            ..=MAX_DIGITS => Ok(Self(digits.to_owned())),
            _ => Err(NoSequence),
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sequence(text: &str) -> Sequence {
        text.parse().unwrap()
    }

    #[test]
    fn a_sequence_has_up_to_64_digits_and_no_leading_zeros() {
        for (text, digits) in [
            ("0", "0"),
            ("000", "0"),
            ("111", "111"),
            ("000000000000000000111", "111"),
            ("21258800000000008186106757", "21258800000000008186106757"),
            (&"9".repeat(64), &"9".repeat(64)),
            (&format!("{}1", "0".repeat(1000)), "1"),
        ] {
            assert_eq!(sequence(text).to_string(), digits);
        }
        for text in [
            "",
            " 1",
            "1 ",
            "+1",
            "-1",
            "1.0",
            "0x1",
            "1e3",
            "١",
            &"9".repeat(65),
        ] {
            assert_eq!(text.parse::<Sequence>(), Err(NoSequence), "{text}");
        }
    }

    #[test]
    fn sequences_are_ordered_as_numbers_of_any_size() {
        assert!(sequence("9") < sequence("10"));
        assert!(sequence("0009") < sequence("10"));
        assert!(sequence(&"9".repeat(39)) < sequence(&format!("1{}", "0".repeat(39))));
        assert!(sequence("400000000008367680596") < sequence("57609000000000001485363138"));
        assert_eq!(sequence("007"), sequence("7"));
    }

    #[test]
    fn a_padded_sequence_has_40_digits() {
        assert_eq!(sequence("7").padded(), format!("{}7", "0".repeat(39)));
        assert_eq!(sequence(&"8".repeat(40)).padded(), "8".repeat(40));
        assert_eq!(sequence(&"8".repeat(41)).padded(), "8".repeat(41));
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_numbers(one: u128, other: u128, zeros in 0usize..5) {
            let zeros = "0".repeat(zeros);
            let (a, b) = (sequence(&format!("{zeros}{one}")), sequence(&other.to_string()));
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(a.padded().cmp(&b.padded()), one.cmp(&other));
            prop_assert_eq!(a.to_string(), one.to_string());
        }
    }
}

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

/// Digits that a number may have. A sheet's numbers have 15.
const DIGITS: usize = 64;
/// The largest exponent, either way. A sheet's numbers end at 308.
const EXPONENT: u64 = 400;

/// The decimal number that a text writes: an optional sign, digits with at most one point,
/// and an optional exponent. Anything else is `None`.
///
/// Digits and exponent are bounded before any arithmetic, which would write out all of
/// the zeros of `1e999999999`.
pub(crate) fn parse(text: &str) -> Option<BigDecimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, self::exponent(exponent)?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > DIGITS || !is_digits(&digits) {
        return None;
    }
    let digits: BigInt = digits.parse().ok()?;
    let digits = if mantissa.starts_with('-') {
        -digits
    } else {
        digits
    };
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    Some(BigDecimal::new(digits, scale))
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !is_digits(digits) {
        return None;
    }
    let exponent: u64 = digits.parse().ok().filter(|number| *number <= EXPONENT)?;
    let exponent = i64::try_from(exponent).ok()?;
    Some(if text.starts_with('-') {
        -exponent
    } else {
        exponent
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_with_a_sign_a_point_and_an_exponent_are_a_number() {
        for (text, shown) in [
            ("0", "0"),
            ("007", "7"),
            ("-1.50", "-1.50"),
            ("+2.", "2"),
            (".5", "0.5"),
            ("1.5E+3", "1500"),
            ("15e-1", "1.5"),
            ("-0", "0"),
        ] {
            assert_eq!(parse(text).unwrap().to_plain_string(), shown, "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = "1".repeat(65);
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1,5",
            "1.2.3",
            "#N/A",
            "1 2",
            "--1",
            "0x1",
            "NaN",
            "inf",
            "１",
            "1e401",
            "1e-401",
            "1e999999999",
            "1e99999999999999999999",
            &long,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

//! Numbers by their value.

/// Writes a JSON number so that two numbers of the same value are written the
/// same, and two of different values differently: `-12.50` as `-125e-1`.
///
/// The value is that of the decimal digits, however many. RFC 8785 rounds to a
/// double, which makes 9007199254740993 and 9007199254740992 one.
pub(crate) fn write(number: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let start = out.len();
    let integer = match integer.strip_prefix('-') {
        Some(unsigned) => {
            out.push(b'-');
            unsigned
        }
        None => integer,
    };
    let first_digit = out.len();
    let digits = integer.bytes().chain(fraction.bytes());
    out.extend(digits.skip_while(|digit| *digit == b'0'));
    let last_digit = out.len();
    while out.len() > first_digit && out.ends_with(b"0") {
        out.pop();
    }
    if out.len() == first_digit {
        out.truncate(start);
        out.push(b'0');
        return;
    }
    let zeros = last_digit - out.len();
    if let Ok(exponent) = exponent.parse::<i64>() {
        let exponent = i128::from(exponent) + zeros as i128 - fraction.len() as i128;
        if exponent != 0 {
            out.extend_from_slice(format!("e{exponent}").as_bytes());
        }
    } else {
        // Nobody means it, but such an exponent is JSON. It stays as it is.
        out.truncate(start);
        out.extend_from_slice(number.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: &str) -> String {
        let mut out = Vec::new();
        write(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_values_are_written_the_same() {
        for (written_as, numbers) in [
            (
                "0",
                &["0", "-0", "0.0", "-0.00", "0e5", "0E-99999999999999999999"][..],
            ),
            (
                "1",
                &[
                    "1", "1.0", "1e0", "1E+0", "1e-0", "10e-1", "0.1e1", "0.001e3",
                ],
            ),
            ("-125e-1", &["-12.5", "-12.50", "-125e-1", "-0.125E2"]),
            ("1e2", &["100", "1e2", "1E02", "100.0"]),
            (
                "9007199254740993",
                &["9007199254740993", "9007199254740993.0"],
            ),
            ("1e400", &["1e400", "10e399"]),
            ("1e9223372036854775808", &["10e9223372036854775807"]),
        ] {
            for number in numbers {
                assert_eq!(written(number), written_as, "{number}");
            }
        }
    }

    #[test]
    fn different_values_are_written_differently() {
        let numbers = [
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "0.1",
            "0.1000000000000000055511151231257827",
            "1",
            "-1",
            "1e400",
            "1e401",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "5e-324",
            "5e-325",
        ];
        let mut all: Vec<_> = numbers.iter().map(|number| written(number)).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), numbers.len());
    }
}

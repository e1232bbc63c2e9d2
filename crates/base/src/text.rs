//! Limits and numbers in texts of other authors.

/// The text, or as much of its beginning as fits into `max` bytes of UTF-8.
pub fn shorten(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// A number below 10,000 in decimal digits, such as `1`, `0.25` or `.5`; `None` for any other
/// text, also for one with a sign or an exponent. Drops decimals after the 15th.
///
/// `f64::from_str` takes all forms of numbers, and adds 16 kB to a component.
pub fn decimal(text: &str) -> Option<f64> {
    const MAX_WHOLE: usize = 4;
    const MAX_DECIMALS: usize = 15;

    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = [whole, decimals]
        .iter()
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    (are_digits && whole.len() <= MAX_WHOLE).then_some(())?;
    let decimals = decimals.get(..MAX_DECIMALS).unwrap_or(decimals);
    let digits: u64 = [whole, decimals].concat().parse().ok()?;
    let scale = decimals.bytes().fold(1_u64, |scale, _| scale * 10);
    Some(digits as f64 / scale as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_texts_are_no_decimals() {
        for text in [
            "", ".", "+1", "-0", "1e-1", "0x1", "NaN", "1.2.3", "0.5x", ".+5", "1.ñññ", " 1",
            "10000",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_is_the_nearest_float(text in r"[0-9]{1,3}|[0-9]{0,1}\.[0-9]{1,14}|[0-9]\.") {
            prop_assert_eq!(decimal(&text), text.parse().ok(), "{}", text);
        }
    }

    #[test]
    fn a_third_may_have_any_number_of_decimals() {
        let third = decimal("0.33333333333333333333333333").unwrap();
        assert!((third - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shorten("año", 9), "año");
        assert_eq!(shorten("año", 2), "a");
        assert_eq!(shorten("año", 3), "añ");
    }
}

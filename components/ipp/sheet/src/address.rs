/// Letters of a column, from 0: `A` to `XFD`.
pub(crate) fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// A cell as Excel names it. Both numbers are from 0.
pub(crate) fn name(row: u32, column: u32) -> String {
    format!("{}{}", letters(column), u64::from(row) + 1)
}

/// Whether the text names a cell in a form that doesn't overflow the 32 bits in which it
/// is counted: up to three letters and a row from 1 of up to seven digits.
pub(crate) fn is_cell(text: &str) -> bool {
    place(text).is_some()
}

/// Whether the text names a cell, or two of which the second isn't before the first.
pub(crate) fn is_range(text: &str) -> bool {
    let Some((first, last)) = text.split_once(':') else {
        return is_cell(text);
    };
    match (place(first), place(last)) {
        (Some(first), Some(last)) => first.0 <= last.0 && first.1 <= last.1,
        _ => false,
    }
}

/// Row and column, from 1.
fn place(text: &str) -> Option<(u32, u32)> {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let letters = text.strip_suffix(digits)?;
    if !(1..=3).contains(&letters.len()) || !is_row(digits) {
        return None;
    }
    let number = |letter: u8| u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    let column = letters
        .bytes()
        .fold(0, |sum, letter| sum * 26 + number(letter));
    Some((digits.parse().ok()?, column))
}

/// Whether the text is the number of a row: from 1, up to seven digits.
pub(crate) fn is_row(text: &str) -> bool {
    (1..=7).contains(&text.len())
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && text.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_in_excel() {
        let names = [(0, 0), (16, 2), (0, 25), (0, 26), (0, 701), (0, 702)]
            .map(|(row, column)| name(row, column));
        assert_eq!(names, ["A1", "C17", "Z1", "AA1", "ZZ1", "AAA1"]);
        assert_eq!(name(1_048_575, 16_383), "XFD1048576");
    }

    #[test]
    fn names_without_a_row_or_out_of_every_grid_are_none() {
        for text in ["A1", "XFD1048576", "ZZZ9999999", "a1"] {
            assert!(is_cell(text), "{text}");
        }
        for text in ["", "A", "A0", "1", "A1B", "AAAA1", "A12345678", "Á1", "A-1"] {
            assert!(!is_cell(text), "{text}");
        }
        for text in ["A1", "A1:XFD1048576", "B2:B2"] {
            assert!(is_range(text), "{text}");
        }
        for text in ["", "A0:I4", "B2:A9", "A9:B2", "A:C", "A1:B2:C3", ":"] {
            assert!(!is_range(text), "{text}");
        }
    }
}

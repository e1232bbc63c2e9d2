//! Limits for texts of other authors.

/// The text, or as much of its beginning as fits into `max` bytes of UTF-8.
pub fn shorten(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shorten("año", 9), "año");
        assert_eq!(shorten("año", 2), "a");
        assert_eq!(shorten("año", 3), "añ");
    }
}

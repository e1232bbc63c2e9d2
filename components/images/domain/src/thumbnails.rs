//! Thumbnails of photos.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The outcome for a photo's thumbnails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thumbnails {
    /// All of them are in the object store.
    Made,
    /// They cannot be made, for this reason.
    Refused(String),
}

/// The size of a thumbnail: the longer side in pixels, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 1024 pixels.
    Large,
    /// 256 pixels.
    Small,
}

impl Size {
    /// All sizes, from the largest to the smallest.
    pub const ALL: [Self; 2] = [Self::Large, Self::Small];

    /// The longer side in pixels, at most.
    pub fn side(self) -> u16 {
        match self {
            Self::Large => 1024,
            Self::Small => 256,
        }
    }
}

impl FromStr for Size {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let found = Self::ALL.into_iter();
        let mut found = found.filter(|size| size.side().to_string() == text);
        found.next().ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_by_their_side() {
        assert_eq!("256".parse(), Ok(Size::Small));
        assert_eq!("1024".parse(), Ok(Size::Large));
        for text in ["", "0256", "+256", "512", "large"] {
            assert_eq!(text.parse::<Size>(), Err(()), "{text}");
        }
    }
}

//! Entity tags that tell the version of an order (RFC 9110, 8.8.3), and what is
//! required of them (13.1.1).

use sha2::{Digest, Sha256};

use crate::Invalid;

/// How much of a digest tells views of one version apart, in bytes.
const DIGEST: usize = 8;

/// The tag of the answer to a change.
pub fn tag_of_version(version: u64) -> String {
    format!("\"{version}\"")
}

/// The tag of a view, of which `body` is the text. It changes with the version
/// and with whatever else the view tells.
pub fn tag_of_view(version: u64, body: &[u8]) -> String {
    let digest: Vec<u8> = Sha256::digest(body).into_iter().take(DIGEST).collect();
    format!("\"{version}-{}\"", hex::encode(digest))
}

/// What a client requires of the version that an order has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// That it is one of these: the header `If-Match`.
    Match(Versions),
    /// That it is none of these: `If-None-Match`; of any, that there is no such
    /// order yet.
    NoneMatch(Versions),
}

/// Versions that a header names by their tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Any that is there.
    Any,
    /// These.
    These(Vec<u64>),
}

impl Precondition {
    /// Reads the value of `If-Match`; of several headers, their values with commas
    /// between them. Tags that are weak, or not from here, match no version
    /// (RFC 9110, 13.1.1).
    ///
    /// # Errors
    /// It is neither `*` nor a list of entity tags.
    pub fn if_match(header: &str) -> Result<Self, Invalid> {
        let versions = Versions::parse(header, |tag| !tag.is_weak);
        versions.map(Self::Match).ok_or_else(|| {
            Invalid::new(
                "invalid_if_match",
                "If-Match must be * or a list of entity tags in double quotes, as in \"3\"",
            )
        })
    }

    /// Reads the value of `If-None-Match`, where weak tags count, too
    /// (RFC 9110, 13.1.2).
    ///
    /// # Errors
    /// It is neither `*` nor a list of entity tags.
    pub fn if_none_match(header: &str) -> Result<Self, Invalid> {
        let versions = Versions::parse(header, |_| true);
        versions.map(Self::NoneMatch).ok_or_else(|| {
            Invalid::new(
                "invalid_if_none_match",
                "If-None-Match must be * or a list of entity tags in double quotes, as in \"3\"",
            )
        })
    }

    /// Whether it holds for an order that has this version now, or is not there.
    pub fn holds(&self, version: Option<u64>) -> bool {
        match self {
            Self::Match(versions) => versions.contain(version),
            Self::NoneMatch(versions) => !versions.contain(version),
        }
    }

    /// The header that it was sent in.
    pub(crate) fn header(&self) -> &'static str {
        match self {
            Self::Match(_) => "If-Match",
            Self::NoneMatch(_) => "If-None-Match",
        }
    }
}

impl Versions {
    fn parse(header: &str, counts: impl Fn(&Tag<'_>) -> bool) -> Option<Self> {
        if header.trim() == "*" {
            return Some(Self::Any);
        }
        let tags = tags(header).filter(|tags| !tags.is_empty())?;
        let versions = tags.into_iter().filter(counts).filter_map(version);
        Some(Self::These(versions.collect()))
    }

    fn contain(&self, version: Option<u64>) -> bool {
        match (self, version) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::These(versions), Some(version)) => versions.contains(&version),
        }
    }
}

/// An entity tag: its text without the quotes.
struct Tag<'a> {
    text: &'a str,
    is_weak: bool,
}

/// The version that a tag tells.
fn version(tag: Tag<'_>) -> Option<u64> {
    let digits = tag.text.split('-').next()?;
    let version: u64 = digits.parse().ok()?;
    (version.to_string() == digits).then_some(version)
}

/// The tags of a list, in which there may be empty elements (RFC 9110, 5.6.1).
fn tags(header: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = header.trim();
    while !rest.is_empty() {
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start();
            continue;
        }
        let (is_weak, opaque) = match rest.strip_prefix("W/") {
            Some(opaque) => (true, opaque),
            None => (false, rest),
        };
        let (text, next) = opaque.strip_prefix('"')?.split_once('"')?;
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        tags.push(Tag { text, is_weak });
        rest = next.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_from_here_match_their_version() {
        let view = tag_of_view(3, b"{}");
        for header in [
            "*",
            " * ",
            "\"3\"",
            &tag_of_version(3),
            &view,
            "\"1\",\"2\" ,\t\"3\"",
            ",, \"3\",",
            "W/\"3\", \"3\"",
            "\"a,b\", \"3\"",
            "\"3-\"",
        ] {
            let wanted = Precondition::if_match(header).unwrap();
            assert!(wanted.holds(Some(3)), "{header}");
            assert!(!wanted.holds(None), "{header}");
        }
    }

    #[test]
    fn only_an_order_that_is_new_or_has_changed_passes_if_none_match() {
        for header in ["*", "\"3\"", "W/\"3\"", "\"1\", \"3-a\""] {
            let wanted = Precondition::if_none_match(header).unwrap();
            assert!(!wanted.holds(Some(3)), "{header}");
            assert!(wanted.holds(None), "{header}");
        }
        let other = Precondition::if_none_match("\"2\"").unwrap();
        assert!(other.holds(Some(3)));
        let invalid = Precondition::if_none_match("3").unwrap_err();
        assert_eq!(invalid.code, "invalid_if_none_match");
    }

    #[test]
    fn other_tags_match_no_version() {
        for header in [
            "W/\"3\"",
            "\"4\"",
            "\"33\"",
            "\"03\"",
            "\"+3\"",
            "\"\"",
            "\"-3\"",
            "\"*\"",
            "\"1,3\"",
            "\"é\"",
            "\"v3\"",
            "\"18446744073709551616\"",
        ] {
            let wanted = Precondition::if_match(header).unwrap();
            assert!(!wanted.holds(Some(3)), "{header}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for header in [
            "",
            " ",
            ",",
            "3",
            "\"3",
            "3\"",
            "\"3\" \"4\"",
            "w/\"3\"",
            "*, \"3\"",
            "W/",
            "\"3\"x",
            "\"3 4\"",
            "'3'",
            "\"3\", *",
        ] {
            let invalid = Precondition::if_match(header).unwrap_err();
            assert_eq!(invalid.code, "invalid_if_match", "{header}");
        }
    }

    #[test]
    fn a_view_has_another_tag_when_anything_in_it_is_another() {
        let tags = [
            tag_of_view(1, b"a"),
            tag_of_view(2, b"a"),
            tag_of_view(1, b"b"),
            tag_of_version(1),
        ];
        for (index, tag) in tags.iter().enumerate() {
            assert!(!tags[..index].contains(tag), "{tag}");
            assert!(tag.starts_with('"') && tag.ends_with('"') && !tag.contains(','));
        }
        assert_eq!(tag_of_view(1, b"a"), tags[0]);
    }

    proptest! {
        #[test]
        fn any_header_is_understood_or_refused(header in "[ ,\"W/*a0-9-]{0,20}|.{0,40}") {
            let _ = Precondition::if_match(&header);
        }

        #[test]
        fn a_tag_holds_for_its_version_alone(version in 1..u64::MAX, other in 1..u64::MAX, body: Vec<u8>) {
            for tag in [tag_of_version(version), tag_of_view(version, &body)] {
                let wanted = Precondition::if_match(&tag).unwrap();
                prop_assert!(wanted.holds(Some(version)));
                prop_assert_eq!(wanted.holds(Some(other)), version == other);
            }
        }
    }
}

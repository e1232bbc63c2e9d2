//! `If-Match` and `If-None-Match` (RFC 9110, 13.1.1 and 13.1.2).

use crate::Invalid;

/// The entity tags that a precondition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version.
    Any,
    /// These, as they were sent: `"3"`, `W/"3"`.
    These(Vec<String>),
}

impl Tags {
    /// Parses `*` or a list of entity tags, in which elements may be empty (RFC 9110,
    /// 5.6.1 and 8.8.3). Values of several header lines are passed joined by commas.
    /// `None` for any other text.
    pub fn parse(header: &str) -> Option<Self> {
        if header.trim() == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = header.trim();
        while !rest.is_empty() {
            if let Some(next) = rest.strip_prefix(',') {
                rest = next.trim_start();
                continue;
            }
            let opaque = rest.strip_prefix("W/").unwrap_or(rest);
            let (text, next) = opaque.strip_prefix('"')?.split_once('"')?;
            if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                return None;
            }
            tags.push(rest.strip_suffix(next)?.to_owned());
            rest = next.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
        (!tags.is_empty()).then_some(Self::These(tags))
    }

    /// Whether `is_it` holds for one of the tags, which it gets without `W/`. Weak tags
    /// count only if `weakly` is true (RFC 9110, 8.8.3.2).
    pub fn any(&self, weakly: bool, is_it: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| match tag.strip_prefix("W/") {
                None => is_it(tag),
                Some(tag) => weakly && is_it(tag),
            }),
        }
    }

    fn has_weak(&self) -> bool {
        matches!(self, Self::These(tags) if tags.iter().any(|tag| tag.starts_with("W/")))
    }
}

/// The tag of a version: `"3"`. Different views of one version add a suffix: `"3-1f0c"`.
pub fn version_tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Whether a tag names this version, with or without a suffix.
fn is_of(tag: &str, version: u64) -> bool {
    let text = tag.trim_matches('"').split('-').next();
    text == Some(&version.to_string())
}

/// The conditions on the version of a document under which it may be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// A precondition that does not hold: an HTTP endpoint answers it with 412.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{header} does not hold: {}", reason(*.current, *.is_weak))]
pub struct Unmet {
    /// The header with the condition.
    pub header: &'static str,
    /// The current version; `None` if there is no document.
    pub current: Option<u64>,
    /// Whether the header had a weak tag, which never matches.
    pub is_weak: bool,
}

fn reason(current: Option<u64>, is_weak: bool) -> String {
    match current {
        None => "there is no document with this id yet".to_owned(),
        Some(version) if is_weak => format!(
            "a tag that begins with W/ is weak, and weak tags never match here; a proxy that compresses answers may have added the W/. The current version is {version}: send {} without W/",
            version_tag(version)
        ),
        Some(version) => {
            format!("there is version {version} by now; read it and decide anew")
        }
    }
}

impl Preconditions {
    /// Reads the values of the two headers, where they were sent.
    ///
    /// # Errors
    /// One of them is neither `*` nor a list of entity tags.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Invalid> {
        let read = |code, name, header: Option<&str>| {
            let tags = header.map(|header| {
                Tags::parse(header).ok_or_else(|| {
                    let form = "must be * or a list of entity tags in double quotes, as in \"3\"";
                    Invalid::new(code, format!("{name} {form}"))
                })
            });
            tags.transpose()
        };
        Ok(Self {
            if_match: read("invalid_if_match", "If-Match", if_match)?,
            if_none_match: read("invalid_if_none_match", "If-None-Match", if_none_match)?,
        })
    }

    /// Whether `If-Match` was sent, so that no change is made to a version that the client
    /// has not seen.
    pub fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// Checks them against the current version of a document; `None` if there is no
    /// document.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(&self, current: Option<u64>) -> Result<(), Unmet> {
        let is = |tags: &Tags, weakly| {
            current.is_some_and(|version| tags.any(weakly, |tag| is_of(tag, version)))
        };
        let unmet = |header, is_weak| Unmet {
            header,
            current,
            is_weak,
        };
        match (&self.if_match, &self.if_none_match) {
            (Some(tags), _) if !is(tags, false) => Err(unmet("If-Match", tags.has_weak())),
            (_, Some(tags)) if is(tags, true) => Err(unmet("If-None-Match", false)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn if_match(header: &str) -> Preconditions {
        Preconditions::parse(Some(header), None).unwrap()
    }

    #[test]
    fn tags_from_here_match_their_version() {
        for header in [
            "*",
            " * ",
            "\"3\"",
            "\"3-0a1b2c3d4e5f6071\"",
            "\"1\",\"2\" ,\t\"3\"",
            ",, \"3\",",
            "W/\"3\", \"3\"",
            "\"a,b\", \"3\"",
            "\"3-\"",
        ] {
            assert_eq!(if_match(header).check(Some(3)), Ok(()), "{header}");
            assert!(if_match(header).check(None).is_err(), "{header}");
        }
    }

    #[test]
    fn only_a_document_that_is_new_or_has_changed_passes_if_none_match() {
        let parse = |header: &str| Preconditions::parse(None, Some(header));
        for header in ["*", "\"3\"", "W/\"3\"", "\"1\", \"3-a\""] {
            let wanted = parse(header).unwrap();
            let unmet = wanted.check(Some(3)).unwrap_err();
            assert_eq!(unmet.header, "If-None-Match", "{header}");
            assert_eq!(wanted.check(None), Ok(()), "{header}");
        }
        assert_eq!(parse("\"2\"").unwrap().check(Some(3)), Ok(()));
        assert_eq!(parse("3").unwrap_err().code, "invalid_if_none_match");
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
            assert!(if_match(header).check(Some(3)).is_err(), "{header}");
        }
    }

    #[test]
    fn a_weak_tag_is_refused_with_its_reason_and_not_with_the_advice_to_read_again() {
        let told = if_match("W/\"2\"").check(Some(2)).unwrap_err().to_string();
        assert!(told.contains("is weak") && told.contains("proxy"), "{told}");
        assert!(told.contains("send \"2\" without W/"), "{told}");
        let told = if_match("\"1\"").check(Some(2)).unwrap_err().to_string();
        assert!(
            told.contains("version 2") && told.contains("decide anew"),
            "{told}"
        );
    }

    #[test]
    fn only_if_match_names_what_the_client_has_seen() {
        assert!(if_match("*").has_if_match() && if_match("\"3\"").has_if_match());
        let none = Preconditions::parse(None, Some("*")).unwrap();
        assert!(!none.has_if_match() && !Preconditions::default().has_if_match());
    }

    #[test]
    fn a_text_that_is_no_list_of_tags_is_refused() {
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
            let invalid = Preconditions::parse(Some(header), None).unwrap_err();
            assert_eq!(invalid.code, "invalid_if_match", "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_understood_or_refused(header in "[ ,\"W/*a0-9-]{0,20}|.{0,40}") {
            let _ = Tags::parse(&header);
        }

        #[test]
        fn a_tag_holds_for_its_version_alone(version in 1..u64::MAX, other in 1..u64::MAX) {
            let wanted = if_match(&version_tag(version));
            prop_assert!(wanted.check(Some(version)).is_ok());
            prop_assert_eq!(wanted.check(Some(other)).is_ok(), version == other);
        }
    }
}

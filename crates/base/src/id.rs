//! Ids that callers choose: short texts that may stand in a path, a key and a
//! log line as they are.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The maximum length of an id in characters.
const MAX_LENGTH: usize = 128;

/// A text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a string of 1 to {MAX_LENGTH} characters out of A-Z, a-z, 0-9, '.', '_', ':' and '-'"
)]
pub struct IdError;

/// Returns the text if it is an id: 1 to 128 of `A-Z a-z 0-9 . _ : -`, and neither `.`
/// nor `..`.
///
/// # Errors
/// [`IdError`] where the text is not an id.
pub fn check(text: String) -> Result<String, IdError> {
    let is_id = (1..=MAX_LENGTH).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        // In a path these two are dot segments, which clients remove (RFC 3986, 5.2.4).
        && !matches!(text.as_str(), "." | "..");
    is_id.then_some(text).ok_or(IdError)
}

/// The UUID (version 8, RFC 9562) that follows from a JSON value, such as the list of a user
/// and an idempotency key. Another value gives another one.
pub fn derived(from: &Value) -> Uuid {
    let digest = Sha256::digest(from.to_string());
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Defines a type for the ids of one kind of thing, so that ids of two kinds cannot be
/// mixed up. Text and JSON become an id only through [`check`]. The caller's crate needs
/// `serde` with its derives.
///
/// ```
/// base::id! {
///     /// The id of a boat.
///     pub struct BoatId;
/// }
/// let id: BoatId = "orilla-7".parse()?;
/// assert_eq!(id.as_str(), "orilla-7");
/// # Ok::<(), base::IdError>(())
/// ```
#[macro_export]
macro_rules! id {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident;) => {
        $(#[$attribute])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        #[serde(try_from = "String")]
        $visibility struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::convert::TryFrom<String> for $name {
            type Error = $crate::IdError;

            fn try_from(text: String) -> ::std::result::Result<Self, $crate::IdError> {
                $crate::id::check(text).map(Self)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::IdError;

            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::IdError> {
                text.to_owned().try_into()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    crate::id! {
        /// An id for these tests.
        struct TestId;
    }

    #[test]
    fn an_id_stays_as_it_was_written() {
        for text in ["JOB-001", "a", "0", "a.b_c:d-E", "...", &"x".repeat(128)] {
            assert_eq!(text.parse::<TestId>().unwrap().as_str(), text);
            let json = serde_json::to_string(text).unwrap();
            let id: TestId = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        let long = "x".repeat(129);
        for text in [
            ".", "..", "", " ", "a b", "a/b", "ñ", "a\n", "a\0", "{a}", "a*", &long,
        ] {
            assert_eq!(text.parse::<TestId>(), Err(IdError), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<TestId>(&json).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_derived_id_follows_from_its_parts() {
        let id = derived(&json!(["ana", "key"]));
        assert_eq!(id, derived(&json!(["ana", "key"])));
        assert_eq!(id.get_version_num(), 8);
        for other in [
            json!(["ana", "key2"]),
            json!(["anak", "ey"]),
            json!(["ana", "key", ""]),
        ] {
            assert_ne!(id, derived(&other));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_an_id_just_if_it_fits_the_contract(text in "[a-c:._/ é-]{0,3}|.{0,130}") {
            let fits = (1..=128).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
                && text != "." && text != "..";
            proptest::prop_assert_eq!(text.parse::<TestId>().is_ok(), fits);
        }
    }
}

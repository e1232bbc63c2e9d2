//! The ids of jobs and toons.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest id in characters.
const LONGEST: usize = 128;

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a string of 1 to {LONGEST} characters out of A-Z, a-z, 0-9, '.', '_', ':' and '-'"
)]
pub struct IdError;

/// The id of a job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct JobId(String);

/// The id of a toon within its job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ToonId(String);

fn check(text: String) -> Result<String, IdError> {
    let is_id = (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        // In a path these two are other places (RFC 3986, 5.2.4).
        && !matches!(text.as_str(), "." | "..");
    is_id.then_some(text).ok_or(IdError)
}

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                check(text).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.to_owned().try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(JobId);
id!(ToonId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_as_it_was_written() {
        for text in ["JOB-001", "a", "0", "a.b_c:d-E", &"x".repeat(128)] {
            assert_eq!(text.parse::<JobId>().unwrap().as_str(), text);
            let json = serde_json::to_string(text).unwrap();
            let id: ToonId = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        let long = "x".repeat(129);
        for text in [
            ".", "..", "", " ", "a b", "a/b", "ñ", "a\n", "a\0", "{a}", "a*", &long,
        ] {
            assert_eq!(text.parse::<JobId>(), Err(IdError), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<ToonId>(&json).is_err(), "{text:?}");
        }
    }
}

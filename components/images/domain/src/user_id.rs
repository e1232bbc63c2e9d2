//! The ids of the users who own photos.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The max length of a user id in bytes.
const MAX_LENGTH: usize = 128;

/// The id of a user: the subject of a token.
///
/// In JSON it is an integer if it is one without sign and leading zeros, and else a string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(String);

/// A text that is no user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUserId {
    /// Only integers are allowed.
    #[error("must be an integer that is not negative")]
    NoInteger,
    /// It is empty, too long, or has characters that cannot be shown.
    #[error("must be 1 to {MAX_LENGTH} bytes without control characters")]
    NoText,
}

/// The subjects that may have photos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserIds {
    /// Integers alone, as the seed has them.
    Integer,
    /// All texts, such as the UUIDs of Cognito and Supabase, or `auth0|5f7c8ec7`.
    Text,
}

impl FromStr for UserIds {
    type Err = &'static str;

    /// Reads the value of a variable.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "integer" => Ok(Self::Integer),
            "text" => Ok(Self::Text),
            _ => Err("must be `integer` or `text`"),
        }
    }
}

impl UserIds {
    /// The user id in the subject of a token.
    ///
    /// # Errors
    /// Such a subject may have no photos.
    pub fn of_subject(self, subject: &str) -> Result<UserId, NoUserId> {
        let id = UserId::new(subject)?;
        match self {
            Self::Integer if id.integer().is_none() => Err(NoUserId::NoInteger),
            _ => Ok(id),
        }
    }

    /// The user id in a request's body: an integer, or a string where texts are allowed.
    ///
    /// # Errors
    /// The value is something else.
    pub fn of_json(self, value: &Value) -> Result<UserId, NoUserId> {
        match (value, self) {
            (Value::Number(number), _) => {
                let number = number.as_u64().filter(|id| i64::try_from(*id).is_ok());
                number.map(UserId::from).ok_or(NoUserId::NoInteger)
            }
            (Value::String(text), Self::Text) => UserId::new(text),
            (_, Self::Integer) => Err(NoUserId::NoInteger),
            (_, Self::Text) => Err(NoUserId::NoText),
        }
    }
}

impl UserId {
    fn new(text: &str) -> Result<Self, NoUserId> {
        let is_one = (1..=MAX_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control);
        let id = is_one.then(|| Self(text.to_owned()));
        id.ok_or(NoUserId::NoText)
    }

    /// The subject of the user's tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn integer(&self) -> Option<u64> {
        let number = self.0.parse().ok();
        number.filter(|number: &u64| number.to_string() == self.0)
    }

    /// Reads an id from a name, where [`Display`](fmt::Display) wrote it.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != ESCAPE {
                bytes.push(byte);
                continue;
            }
            let (digits, after) = rest.split_first_chunk::<2>()?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        }
        let id = Self::new(std::str::from_utf8(&bytes).ok()?).ok()?;
        // An id has one name.
        (id.to_string() == name).then_some(id)
    }
}

/// Starts a byte in hex.
const ESCAPE: u8 = b'=';

/// As names and keys have it: every byte other than letters, digits, `.`, `_` and `-` is `=`
/// and two hex digits in upper case.
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "{}{byte:02X}", char::from(ESCAPE))?;
            }
        }
        Ok(())
    }
}

impl From<u64> for UserId {
    fn from(id: u64) -> Self {
        Self(id.to_string())
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.integer() {
            Some(id) => serializer.serialize_u64(id),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Integer(u64),
            Text(String),
        }
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Integer(id) => id.into(),
            Stored::Text(text) => Self(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_user_ids_everywhere_and_texts_where_they_are_allowed() {
        for subject in ["0", "456", "18446744073709551615"] {
            assert!(UserIds::Integer.of_subject(subject).is_ok(), "{subject}");
            assert!(UserIds::Text.of_subject(subject).is_ok(), "{subject}");
        }
        for subject in ["ana", "045", "-1", "auth0|5f7c8ec7", "día"] {
            assert_eq!(
                UserIds::Integer.of_subject(subject),
                Err(NoUserId::NoInteger)
            );
            let id = UserIds::Text.of_subject(subject).unwrap();
            assert_eq!(id.as_str(), subject);
        }
        for subject in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(UserIds::Text.of_subject(subject), Err(NoUserId::NoText));
        }
    }

    #[test]
    fn bodies_have_integers_and_strings() {
        let id = |ids: UserIds, value| ids.of_json(&value).map(|id| id.to_string());
        assert_eq!(id(UserIds::Integer, json!(456)), Ok("456".into()));
        assert_eq!(id(UserIds::Text, json!(456)), Ok("456".into()));
        assert_eq!(id(UserIds::Text, json!("a-1")), Ok("a-1".into()));
        for wrong in [json!("456"), json!(-1), json!(1.5), json!(null), json!([])] {
            assert_eq!(id(UserIds::Integer, wrong), Err(NoUserId::NoInteger));
        }
        for wrong in [json!(""), json!(null), json!({}), json!(true)] {
            assert_eq!(id(UserIds::Text, wrong), Err(NoUserId::NoText));
        }
    }

    #[test]
    fn only_integers_are_shown_as_such() {
        for (subject, shown) in [("456", json!(456)), ("045", json!("045"))] {
            let id = UserIds::Text.of_subject(subject).unwrap();
            let value = serde_json::to_value(&id).unwrap();
            assert_eq!(value, shown);
            assert_eq!(serde_json::from_value::<UserId>(value).unwrap(), id);
        }
    }

    #[test]
    fn an_id_has_one_name() {
        let id = UserIds::Text.of_subject("auth0|5f7c=á").unwrap();
        assert_eq!(id.to_string(), "auth0=7C5f7c=3D=C3=A1");
        for name in ["auth0=7c5f7c", "=41", "a|b", "=", "=4", "=FF", "", "a/b"] {
            assert_eq!(UserId::from_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back_from_its_name(subject in "\\PC{1,40}") {
            let id = UserId::new(&subject);
            prop_assume!(id.is_ok());
            let id = id.unwrap();
            let name = id.to_string();
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-=".contains(&b)));
            prop_assert_eq!(UserId::from_name(&name), Some(id));
        }
    }
}

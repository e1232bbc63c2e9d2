//! Names of tenants: short texts that may stand in a path, a key and an object's name
//! as they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The maximum length of a tenant in characters.
const MAX_LENGTH: usize = 64;

/// A text that is not a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a string of 1 to {MAX_LENGTH} characters out of A-Z, a-z, 0-9, '.', '_' and '-', and not '.' or '..'"
)]
pub struct TenantError;

/// An organization whose data are apart from those of all others: 1 to 64 of
/// `A-Z a-z 0-9 . _ -`, and neither `.` nor `..`. Upper and lower case differ.
///
/// ```
/// let tenant: base::Tenant = "cafe-azul".parse()?;
/// assert_eq!(tenant.as_str(), "cafe-azul");
/// # Ok::<(), base::TenantError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Tenant(String);

impl Tenant {
    /// The tenant as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tenant {
    type Error = TenantError;

    fn try_from(text: String) -> Result<Self, TenantError> {
        let is_tenant = (1..=MAX_LENGTH).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            // In a path these two are dot segments, which clients remove (RFC 3986, 5.2.4).
            && !matches!(text.as_str(), "." | "..");
        is_tenant.then_some(Self(text)).ok_or(TenantError)
    }
}

impl FromStr for Tenant {
    type Err = TenantError;

    fn from_str(text: &str) -> Result<Self, TenantError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_stays_as_it_was_written() {
        let of_max_length = "x".repeat(64);
        for text in ["cafe-azul", "a", "0", "A.b_c-D", "...", "-", &of_max_length] {
            let tenant: Tenant = text.parse().unwrap();
            assert_eq!((tenant.as_str(), &*tenant.to_string()), (text, text));
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Tenant>(&json).unwrap(), tenant);
            assert_eq!(serde_json::to_string(&tenant).unwrap(), json);
        }
    }

    #[test]
    fn other_texts_are_no_tenants() {
        let long = "x".repeat(65);
        for text in [
            ".", "..", "", " ", "a b", "a/b", "a:b", "a%2e", "ñ", "a\n", "a\0", "{a}", "a*", &long,
        ] {
            assert_eq!(text.parse::<Tenant>(), Err(TenantError), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            let error = serde_json::from_str::<Tenant>(&json).unwrap_err();
            assert!(error.to_string().contains("1 to 64 characters"), "{error}");
        }
        assert!(serde_json::from_str::<Tenant>("7").is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_a_tenant_just_if_it_fits_the_contract(text in "[a-c._/: é-]{0,3}|.{0,70}") {
            let fits = (1..=64).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
                && text != "." && text != "..";
            proptest::prop_assert_eq!(text.parse::<Tenant>().is_ok(), fits);
        }
    }
}

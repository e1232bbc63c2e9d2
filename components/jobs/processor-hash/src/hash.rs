//! The hash of a JSON text's meaning.

use sha2::{Digest, Sha256};

use crate::canonical::canonical;

/// The hash and size of the canonical form of a JSON text, as the JSON
/// `{"hash": "<SHA-256 in hex>", "size": <bytes>}`.
///
/// RFC 8785 sees numbers as doubles, so 9007199254740993 hashes as
/// 9007199254740992.
///
/// # Errors
/// Says why the text has no canonical form: it is no JSON, has a member that is there
/// twice, a number that is too large for a double or a string that is no Unicode, or is
/// nested deeper than 127 levels.
pub(crate) fn hash(text: &str) -> Result<String, String> {
    let canonical =
        canonical(text).map_err(|error| format!("it has no canonical form (RFC 8785): {error}"))?;
    let hash = hex::encode(Sha256::digest(&canonical));
    Ok(format!(r#"{{"hash":"{hash}","size":{}}}"#, canonical.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toon_is_hashed_in_its_canonical_form() {
        // printf '{"a":[1,"é"],"toonId":"T-1"}' | sha256sum
        let expected = r#"{"hash":"ae7ca427c50780e741cbddf09ae6c4342bd7ba2b9020f844f497a8526dd7df9a","size":29}"#;
        for text in [
            r#"{"a":[1,"é"],"toonId":"T-1"}"#,
            r#"{ "toonId" : "T\u002d1", "a" : [ 1.0, "\u00E9" ] }"#,
        ] {
            assert_eq!(hash(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_canonical_form_is_told() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for (text, told) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("1 2", "trailing characters"),
            (r#"{"a":1e400}"#, "number out of range"),
            (r#"{"a":1,"\u0061":2}"#, "`a` is there twice"),
            (r#"{"a":"\ud800"}"#, "hex escape"),
            (&deep, "recursion limit"),
        ] {
            let error = hash(text).unwrap_err();
            assert!(error.contains(told), "{text:.20}: {error}");
        }
    }
}

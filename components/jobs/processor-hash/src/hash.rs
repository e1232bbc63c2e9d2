//! The hash of a JSON text's meaning.

use base::json::canonical;
use sha2::{Digest, Sha256};

/// The maximum nesting of a toon, which is that of the parser.
const MAX_LEVELS: usize = 127;

/// The hash and size of the canonical form of a JSON text, as the JSON
/// `{"hash": "<SHA-256 in hex>", "size": <bytes>}`.
///
/// RFC 8785 treats numbers as doubles, so 9007199254740993 has the hash of
/// 9007199254740992.
///
/// # Errors
/// Why the text has no canonical form: it is no JSON, has two members of one name, a
/// number too large for a double or a string that is not Unicode, or is nested deeper
/// than 127 levels.
pub(crate) fn hash(text: &str) -> Result<String, String> {
    let canonical = canonical(text, MAX_LEVELS)
        .map_err(|flaw| format!("it has no canonical form (RFC 8785): {flaw}"))?;
    let mut hash = [0; 64];
    // Cannot fail: the digest has half as many bytes. Faster than `hex::encode`.
    let _ = hex::encode_to_slice(Sha256::digest(&canonical), &mut hash);
    let hash = std::str::from_utf8(&hash).unwrap_or_default();
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
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for (text, told) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("1 2", "trailing characters"),
            (r#"{"a":1e400}"#, "fits into a double"),
            (r#"{"a":1,"\u0061":2}"#, ".a: must not be there twice"),
            (r#"{"a":"\ud800"}"#, "must be Unicode"),
            (&deep, "recursion limit"),
        ] {
            let error = hash(text).unwrap_err();
            assert!(error.contains(told), "{text:.20}: {error}");
        }
    }
}

//! The hash of a JSON text's meaning.

use serde_json::{Deserializer, json};
use serde_transcode::Transcoder;
use sha2::{Digest, Sha256};

/// The hash and size of the canonical form of a JSON text, as the JSON
/// `{"hash": "<SHA-256 in hex>", "size": <bytes>}`.
///
/// RFC 8785 sees numbers as doubles, so 9007199254740993 hashes as
/// 9007199254740992.
///
/// # Errors
/// Says why the text has no canonical form: it is no JSON, holds a number that
/// is too large for a double or a string that is no Unicode, or is nested
/// deeper than 127 levels.
pub(crate) fn hash(text: &str) -> Result<String, String> {
    let canonical =
        canonical(text).map_err(|error| format!("it has no canonical form (RFC 8785): {error}"))?;
    let hash = hex::encode(Sha256::digest(&canonical));
    Ok(json!({"hash": hash, "size": canonical.len()}).to_string())
}

fn canonical(text: &str) -> serde_json::Result<Vec<u8>> {
    // Not by way of `serde_json::Value`, which sees more in some names than a name.
    let mut input = Deserializer::from_str(text);
    let canonical = serde_json_canonicalizer::to_vec(&Transcoder::new(&mut input))?;
    input.end()?;
    Ok(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        String::from_utf8(canonical(text).unwrap()).unwrap()
    }

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
    fn a_name_is_a_name() {
        let text = r#"{"$serde_json::private::RawValue":"[1,2]"}"#;
        assert_eq!(form(text), text);
        let number = r#"{"$serde_json::private::Number":"no number"}"#;
        assert_eq!(form(number), number);
    }

    #[test]
    fn what_has_no_canonical_form_is_told() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for (text, told) in [
            ("", "EOF"),
            ("{", "EOF"),
            (r#"{"a":1e400}"#, "number out of range"),
            (r#"{"a":"\ud800"}"#, "hex escape"),
            (&deep, "recursion limit"),
        ] {
            let error = hash(text).unwrap_err();
            assert!(error.contains(told), "{text:.20}: {error}");
        }
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2() {
        let sample = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(form(sample), expected);
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_3_sorts_by_utf_16() {
        let sample = r#"{
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\ud83d\ude00": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis"
        }"#;
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
            \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
            \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(form(sample), expected);
    }

    #[test]
    fn the_numbers_of_rfc_8785_appendix_b() {
        for (bits, expected) in [
            (0x0000000000000000u64, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            let digits = format!("{:?}", f64::from_bits(bits));
            assert_eq!(form(&digits), expected, "{digits}");
        }
    }

    #[test]
    fn an_integer_is_a_double_too() {
        assert_eq!(form("9007199254740993"), "9007199254740992");
        assert_eq!(form("18446744073709551615"), "18446744073709552000");
        assert_eq!(form("-0"), "0");
    }
}

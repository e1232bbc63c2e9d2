//! One spelling for every JSON text of the same meaning.

use serde_json::value::RawValue;

use crate::json::{self, Member, Text, elements};
use crate::number;

/// How deep objects and arrays may be nested. Each level costs a look at all
/// that is inside.
const MOST_LEVELS: usize = 32;

/// The most of a member's name that is repeated in a message.
const LONGEST_NAME: usize = 64;

/// The one mistake that is left in strings of valid JSON.
const NO_UNICODE: &str = r"must be Unicode: it has a \u escape of a surrogate without its pair";

/// Why a value has no canonical form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where, as in `.panels[2].caption`; empty for the value itself.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) problem: String,
}

impl Flaw {
    fn here(problem: impl ToString) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    fn inside(self, step: &str) -> Self {
        Self {
            path: format!("{step}{}", self.path),
            ..self
        }
    }
}

/// The members of an object, as [`write`] takes them.
pub(crate) fn members(object: &RawValue) -> Result<Vec<Member<'_>>, Flaw> {
    json::members(object).map_err(|_| Flaw::here(NO_UNICODE))
}

/// Writes an object without whitespace, with the members of each object in the
/// order of their names, and with strings and numbers in one spelling. It is
/// what RFC 8785 does, except that numbers keep all their digits ([`number`])
/// and that names are sorted as UTF-8.
///
/// Refused are members that are there twice, strings that are no Unicode, and
/// values nested deeper than [`MOST_LEVELS`].
pub(crate) fn write(members: Vec<Member<'_>>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    write_object(members, MOST_LEVELS - 1, out)
}

fn write_level(value: &RawValue, levels: usize, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let text = value.get();
    let inner = || {
        levels.checked_sub(1).ok_or_else(|| {
            Flaw::here(format!(
                "must not be nested deeper than {MOST_LEVELS} levels"
            ))
        })
    };
    match text.as_bytes().first() {
        Some(b'{') => write_object(members(value)?, inner()?, out),
        Some(b'[') => write_array(value, inner()?, out),
        Some(b'"') => write_string(text, out),
        Some(b'-' | b'0'..=b'9') => {
            number::write(text, out);
            Ok(())
        }
        // true, false and null have one spelling.
        _ => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
}

fn write_object(
    mut members: Vec<Member<'_>>,
    levels: usize,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut before = None;
    out.push(b'{');
    for (name, value) in &members {
        let inside = |flaw: Flaw| flaw.inside(&format!(".{name:.LONGEST_NAME$}"));
        match before.replace(name) {
            None => {}
            Some(before) if before == name => {
                return Err(inside(Flaw::here("must not be there twice")));
            }
            Some(_) => out.push(b','),
        }
        write_decoded(name, out)?;
        out.push(b':');
        write_level(value, levels, out).map_err(inside)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_array(array: &RawValue, levels: usize, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let (elements, _) = elements(array, usize::MAX).map_err(Flaw::here)?;
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_level(element, levels, out).map_err(|flaw| flaw.inside(&format!("[{index}]")))?;
    }
    out.push(b']');
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
    if text.contains('\\') {
        let Text(decoded) = serde_json::from_str(text).map_err(|_| Flaw::here(NO_UNICODE))?;
        return write_decoded(&decoded, out);
    }
    // Without escapes there is but one way to write it.
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn write_decoded(decoded: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
    serde_json::to_writer(out, decoded).map_err(Flaw::here)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn canonical(text: &str) -> Result<String, Flaw> {
        let mut out = Vec::new();
        write_level(serde_json::from_str(text).unwrap(), MOST_LEVELS, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn spelling_does_not_matter() {
        for (text, form) in [
            (" { } ", "{}"),
            ("[ ]", "[]"),
            (
                r#"{"b" : [ true,null ], "a":{"d":0,"c":false}}"#,
                r#"{"a":{"c":false,"d":0},"b":[true,null]}"#,
            ),
            (r#""\u0041\u00e9\/\u000a\t\ud83d\ude00""#, "\"Aé/\\n\\t😀\""),
            (r#"{"\u0061":1.50}"#, r#"{"a":15e-1}"#),
            (r#"["x\"y",""]"#, r#"["x\"y",""]"#),
        ] {
            assert_eq!(canonical(text).unwrap(), form, "{text}");
        }
    }

    #[test]
    fn a_flaw_is_found_in_its_place() {
        let twice = "must not be there twice";
        for (text, path, problem) in [
            (r#"{"a":1,"b":2,"a":1}"#, ".a", twice),
            (r#"{"p":[{"c":1},{"c":1,"\u0063":2}]}"#, ".p[1].c", twice),
            (r#"{"p":["ok","\ud800"]}"#, ".p[1]", NO_UNICODE),
            (r#"{"p":{"\udc00":1}}"#, ".p", NO_UNICODE),
            (r#"{"p":"\ud800\u0041"}"#, ".p", NO_UNICODE),
        ] {
            let flaw = canonical(text).unwrap_err();
            assert_eq!((flaw.path.as_str(), flaw.problem.as_str()), (path, problem));
        }
        let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "é".repeat(1000));
        assert_eq!(canonical(&long).unwrap_err().path.chars().count(), 65);
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(canonical(&nested(MOST_LEVELS)).is_ok());
        let flaw = canonical(&nested(MOST_LEVELS + 1)).unwrap_err();
        assert_eq!(flaw.path, "[0]".repeat(MOST_LEVELS));
        assert!(canonical(&nested(100_000)).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same value with every character of a string escaped, members in
    /// the opposite order, and whitespace everywhere.
    fn respelled(value: &Value) -> String {
        let string = |text: &str| {
            let escapes = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            format!("\"{}\"", escapes.collect::<String>())
        };
        match value {
            Value::String(text) => string(text),
            Value::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(respelled).collect();
                format!("[ {} ]", elements.join(" ,\n"))
            }
            Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .rev()
                    .map(|(name, value)| format!("{}\t: {}", string(name), respelled(value)))
                    .collect();
                format!("{{\r\n{} }}", members.join(" , "))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn a_value_has_one_form_however_it_is_written(value in values()) {
            let form = canonical(&value.to_string()).unwrap();
            prop_assert_eq!(canonical(&respelled(&value)).unwrap(), form.clone());
            // It is JSON itself, and already in its form.
            prop_assert_eq!(canonical(&form).unwrap(), form);
        }
    }

    #[test]
    fn the_kinds_of_a_value_are_told_apart() {
        let values = [
            json!(1),
            json!("1"),
            json!(true),
            json!("true"),
            json!(null),
            json!("null"),
            json!([]),
            json!({}),
            json!([[]]),
            json!([{}]),
            json!(""),
        ];
        let mut forms: Vec<_> = values
            .map(|value| canonical(&value.to_string()).unwrap())
            .into();
        forms.sort();
        forms.dedup();
        assert_eq!(forms.len(), 11);
    }
}

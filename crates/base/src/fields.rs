//! JSON objects of other authors whose numbers keep their digits.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The members of a JSON object in their order, each with the literal text of its value:
/// `1.10` stays `1.10`, and a number of 38 digits keeps them all.
///
/// Values that are read have no white space between tokens, so that they fit into one
/// line. They can be read from JSON text alone, thus not through `#[serde(flatten)]` or
/// an untagged enum, which turn numbers into doubles. An object with a name that is there
/// twice is refused.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The value of the first member with this name.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let mut members = self.iter();
        members.find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The members in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The same names and the same texts in the same order.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        let texts = |fields| Self::iter(fields).map(|(name, value)| (name, value.get()));
        texts(self).eq(texts(other))
    }
}

impl Eq for Fields {}

/// Takes the members as they are. The caller gives each name once.
impl<N: Into<String>> FromIterator<(N, Box<RawValue>)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, Box<RawValue>)>>(members: I) -> Self {
        let members = members.into_iter();
        Self(members.map(|(name, value)| (name.into(), value)).collect())
    }
}

impl IntoIterator for Fields {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    fields.0.push((name, in_one_line(map.next_value()?)));
                }
                let mut names = BTreeSet::new();
                let twice = fields.iter().find(|(name, _)| !names.insert(*name));
                if let Some((name, _)) = twice {
                    let name = crate::shorten(name, 64);
                    return Err(A::Error::custom(format_args!("{name} is there twice")));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The same value without white space between tokens.
fn in_one_line(value: Box<RawValue>) -> Box<RawValue> {
    // White space of JSON (RFC 8259, 2).
    let is_space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
    let text = value.get();
    if !text.starts_with(['{', '[']) || !text.contains(is_space) {
        return value;
    }
    let mut in_string = false;
    let mut is_escaped = false;
    let is_kept = |c: &char| {
        if !in_string {
            in_string = *c == '"';
            return !is_space(*c);
        }
        in_string = *c != '"' || is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        true
    };
    let line: String = text.chars().filter(is_kept).collect();
    // Cannot fail: only white space is gone.
    serde_json::from_slice(line.as_bytes()).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Result<Fields, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn members_keep_their_order_and_their_digits() {
        let text = r#"{"z":1.10,"a":12345678901234567890123456789012345678,"ñ\n":-0.0E+1,"b":{"c":[1e2,null]},"":"\u0041 \""}"#;
        let fields = read(text).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), text);
        assert_eq!(fields.get("z").unwrap().get(), "1.10");
        assert_eq!(fields.get("ñ\n").unwrap().get(), "-0.0E+1");
        assert!(fields.get("c").is_none());
        assert_eq!(fields.len(), 5);
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a", "ñ\n", "b", ""]);
        let again: Fields = fields.clone().into_iter().collect();
        assert_eq!(again, fields);
        assert!(read("{ }").unwrap().is_empty() && !fields.is_empty());
    }

    #[test]
    fn a_value_of_many_lines_becomes_one_line() {
        let text = "{\r\n\t\"a\" : [ 1.0 ,\n {\"b \\\\\" : \" \\\" \\\\\", \"c\":\"\\\\\" } ] , \"d\" : \" e \" }";
        assert_eq!(
            serde_json::to_string(&read(text).unwrap()).unwrap(),
            r#"{"a":[1.0,{"b \\":" \" \\","c":"\\"}],"d":" e "}"#
        );
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let told = read(r#"{"a":1,"b":2,"\u0061":1}"#).unwrap_err();
        assert!(told.to_string().starts_with("a is there twice"), "{told}");
        assert!(read(&format!(r#"{{"{0}":1,"{0}":1}}"#, "ñ".repeat(999))).is_err());
    }

    #[test]
    fn other_values_are_refused() {
        for text in [
            "[]",
            "null",
            "1",
            "\"a\"",
            "",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":01}",
            "{} {}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let deep = format!(
            r#"{{"a": {}{}}}"#,
            "[ ".repeat(1_000_000),
            "]".repeat(1_000_000)
        );
        let fields = read(&deep).unwrap();
        assert_eq!(fields.get("a").unwrap().get().len(), 2_000_000);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[a" \\ñ\n\t]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(r#"[a" \\ñ\n]{0,4}"#, inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_changes_but_for_its_white_space(value in values()) {
            let object = serde_json::json!({"a": value});
            let pretty = serde_json::to_string_pretty(&object).unwrap();
            let fields = read(&pretty).unwrap();
            prop_assert_eq!(serde_json::to_string(&fields).unwrap(), object.to_string());
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"\{[\{\}\[\]":,\\a1 \n.eE-]{0,40}"#) {
            if let Ok(fields) = read(&text) {
                let line = serde_json::to_string(&fields).unwrap();
                prop_assert_eq!(read(&line).unwrap(), fields);
            }
        }
    }
}

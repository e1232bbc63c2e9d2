//! Attributes of an item: typed values (`{"S": "text"}`) as plain JSON.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html>

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::Fields;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::decimal::Decimal;

/// The maximum number of maps and lists around a value
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
/// It bounds the recursion, too.
const MAX_LEVELS: usize = 32;

/// The maximum number of bytes of a name that an error repeats.
const MAX_NAME: usize = 64;
/// The maximum number of bytes of a place in an error.
const MAX_PLACE: usize = 512;

/// The attributes of an item as plain JSON. Numbers are written with the digits they came
/// with, sets as sorted arrays, binary values as their base64.
///
/// # Errors
/// The first attribute that cannot be read: its place, which begins with `place`, and the
/// reason.
pub(crate) fn read(attributes: &RawValue, place: &str) -> Result<Fields, String> {
    let mut writer = Writer {
        place: place.to_owned(),
        out: String::new(),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(attributes.get().as_bytes());
    let fields = Item(&mut writer).deserialize(&mut deserializer);
    fields.map_err(|error| {
        let place = base::shorten(&writer.place, MAX_PLACE);
        format!("{place} {}", problem(&error))
    })
}

/// The message of an error without its line and column.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    base::shorten(text, 256).to_owned()
}

/// The key of an item. The same key has the same JSON, in any order of its attributes and
/// with any spelling of numbers and strings.
///
/// # Errors
/// The reason why it is no key.
pub(crate) fn identity(keys: &RawValue) -> Result<BTreeMap<String, Key<'_>>, String> {
    let mut keys: BTreeMap<String, Key> = serde_json::from_slice(keys.get().as_bytes())
        .map_err(|error| format!("must be strings, numbers or binary: {}", problem(&error)))?;
    for key in keys.values_mut() {
        if let Key::N(number) = key {
            *number = Cow::Owned(Decimal::attribute(number)?.canonical());
        }
    }
    Ok(keys)
}

/// An attribute of a key, which is of one of these types
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>).
#[derive(Deserialize, Serialize)]
pub(crate) enum Key<'a> {
    S(Cow<'a, str>),
    N(Cow<'a, str>),
    B(Cow<'a, str>),
}

/// A string; without a copy if it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Writer {
    /// The place of the value that is being read. After an error it stays there.
    place: String,
    /// Plain JSON.
    out: String,
}

impl Writer {
    /// Does something at a place inside this one.
    fn inside<T, E>(
        &mut self,
        step: impl fmt::Display,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        use fmt::Write;
        let length = self.place.len();
        // Cannot fail: the text is in memory.
        let _ = write!(self.place, "{step}");
        let read = read(self)?;
        self.place.truncate(length);
        Ok(read)
    }

    fn text(&mut self, text: &str) {
        // Cannot fail: each string has a JSON form.
        self.out += &serde_json::to_string(text).unwrap_or_default();
    }

    fn array(&mut self, elements: impl IntoIterator<Item = impl FnOnce(&mut Self)>) {
        self.out.push('[');
        for (index, element) in elements.into_iter().enumerate() {
            self.comma(index);
            element(self);
        }
        self.out.push(']');
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(',');
        }
    }
}

/// The step to a member.
struct Member<'a>(&'a str);

impl fmt::Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".{}", base::shorten(self.0, MAX_NAME))
    }
}

/// Gives each name with the map, from which its value is to be read.
///
/// # Errors
/// Those of `read`, and a name that is there twice.
fn each_member<'de, A: MapAccess<'de>>(
    writer: &mut Writer,
    mut map: A,
    mut read: impl FnMut(&mut Writer, &str, &mut A) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let mut names = BTreeSet::new();
    while let Some(Text(name)) = map.next_key()? {
        writer.inside(Member(&name), |writer| {
            if names.contains(&name) {
                return Err(A::Error::custom("must not be there twice"));
            }
            read(writer, &name, &mut map)
        })?;
        names.insert(name);
    }
    Ok(())
}

/// The attributes of an item.
struct Item<'w>(&'w mut Writer);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields, A::Error> {
        let mut members = Vec::new();
        each_member(self.0, map, |writer, name, map| {
            map.next_value_seed(Value {
                writer,
                levels: MAX_LEVELS,
            })?;
            let value = serde_json::from_slice(writer.out.as_bytes());
            writer.out.clear();
            members.push((name.to_owned(), value.map_err(A::Error::custom)?));
            Ok(())
        })?;
        Ok(members.into_iter().collect())
    }
}

/// A typed value, which is written as plain JSON.
struct Value<'w> {
    writer: &'w mut Writer,
    /// The number of maps and lists that may still be nested here.
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an object of a type and a value, as in {"S": "text"}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { writer, levels } = self;
        let Some(Text(name)) = map.next_key()? else {
            return Err(A::Error::custom("must have a type"));
        };
        writer.inside(Member(&name), |writer| {
            write(writer, &name, &mut map, levels)
        })?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("must have one type only")),
        }
    }
}

/// Writes a value of the type `name`, which comes next in the map.
fn write<'de, A: MapAccess<'de>>(
    writer: &mut Writer,
    name: &str,
    map: &mut A,
    levels: usize,
) -> Result<(), A::Error> {
    match name {
        "S" => {
            let Text(text) = map.next_value()?;
            writer.text(&text);
        }
        "N" => {
            let Text(text) = map.next_value()?;
            let number = Decimal::attribute(&text).map_err(A::Error::custom)?;
            writer.out += &number.json();
        }
        "B" => {
            let Text(text) = map.next_value()?;
            check_base64(&text)?;
            writer.text(&text);
        }
        "BOOL" => {
            let value: bool = map.next_value()?;
            writer.out += if value { "true" } else { "false" };
        }
        "NULL" => {
            if !map.next_value::<bool>()? {
                return Err(A::Error::custom("must be true"));
            }
            writer.out += "null";
        }
        "M" | "L" => {
            let Some(levels) = levels.checked_sub(1) else {
                return Err(A::Error::custom(format_args!(
                    "must not be nested deeper than {MAX_LEVELS} levels"
                )));
            };
            if name == "M" {
                map.next_value_seed(Members { writer, levels })?;
            } else {
                map.next_value_seed(Elements { writer, levels })?;
            }
        }
        "SS" => {
            let mut texts = strings(map)?;
            texts.sort_unstable();
            writer.array(
                texts
                    .iter()
                    .map(|text| |writer: &mut Writer| writer.text(text)),
            );
        }
        "NS" => {
            let texts = strings(map)?;
            let numbers = texts.iter().map(|text| Decimal::attribute(text));
            let numbers: Result<Vec<_>, _> = numbers.collect();
            let mut numbers = numbers.map_err(A::Error::custom)?;
            // Equal numbers are ordered by their text, so that a set has one form.
            numbers.sort_by(|one, other| {
                let by_value = one.order(other);
                by_value.then_with(|| one.json().cmp(&other.json()))
            });
            writer.array(
                numbers
                    .iter()
                    .map(|number| |writer: &mut Writer| writer.out += &number.json()),
            );
        }
        "BS" => {
            let mut texts = strings(map)?;
            texts.iter().try_for_each(|text| check_base64(text))?;
            texts.sort_unstable();
            writer.array(
                texts
                    .iter()
                    .map(|text| |writer: &mut Writer| writer.text(text)),
            );
        }
        _ => {
            return Err(A::Error::custom(
                "is no type: it must be S, N, B, BOOL, NULL, M, L, SS, NS or BS",
            ));
        }
    }
    Ok(())
}

fn strings<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<Cow<'de, str>>, A::Error> {
    let texts: Vec<Text> = map.next_value()?;
    Ok(texts.into_iter().map(|Text(text)| text).collect())
}

fn check_base64<E: Error>(text: &str) -> Result<(), E> {
    match BASE64_STANDARD.decode(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(E::custom(format_args!("must be base64: {error}"))),
    }
}

/// The members of a map.
struct Members<'w> {
    writer: &'w mut Writer,
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Self { writer, levels } = self;
        let mut index = 0;
        writer.out.push('{');
        each_member(writer, map, |writer, name, map| {
            writer.comma(index);
            index += 1;
            writer.text(name);
            writer.out.push(':');
            map.next_value_seed(Value { writer, levels })
        })?;
        writer.out.push('}');
        Ok(())
    }
}

/// The elements of a list.
struct Elements<'w> {
    writer: &'w mut Writer,
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { writer, levels } = self;
        writer.out.push('[');
        for index in 0.. {
            let length = writer.out.len();
            writer.comma(index);
            let element = writer.inside(format_args!("[{index}]"), |writer| {
                seq.next_element_seed(Value { writer, levels })
            })?;
            if element.is_none() {
                writer.out.truncate(length);
                break;
            }
        }
        writer.out.push(']');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn item(text: &str) -> Result<String, String> {
        let fields = read(&raw(text), "Image")?;
        Ok(serde_json::to_string(&fields).unwrap())
    }

    fn value(text: &str) -> Result<String, String> {
        let fields = read(&raw(&format!(r#"{{"a":{text}}}"#)), "Image")?;
        Ok(fields.get("a").unwrap().get().to_owned())
    }

    #[test]
    fn each_type_becomes_plain_json() {
        for (typed, plain) in [
            (r#"{"S":""}"#, r#""""#),
            (r#"{ "S" : "\u0041ñ \n\"" }"#, r#""Añ \n\"""#),
            (r#"{"N":"1.10"}"#, "1.10"),
            (r#"{"N":"+.5"}"#, "0.5"),
            (r#"{"N":"\u0031"}"#, "1"),
            (
                r#"{"N":"12345678901234567890123456789012345678"}"#,
                "12345678901234567890123456789012345678",
            ),
            (r#"{"B":"AAEqQQ=="}"#, r#""AAEqQQ==""#),
            (r#"{"B":""}"#, r#""""#),
            (r#"{"BOOL":true}"#, "true"),
            (r#"{"BOOL":false}"#, "false"),
            (r#"{"NULL":true}"#, "null"),
            (r#"{"M":{}}"#, "{}"),
            (r#"{"L":[]}"#, "[]"),
            (
                r#"{"M":{"z":{"N":"1E+2"},"":{"L":[{"S":"x"},{"NULL":true},{"M":{"k\n":{"BOOL":true}}}]}}}"#,
                r#"{"z":1E+2,"":["x",null,{"k\n":true}]}"#,
            ),
            (r#"{"SS":["b","a","ñ","B",""]}"#, r#"["","B","a","b","ñ"]"#),
            (
                r#"{"NS":["10","9","-1","1.0","1","0","-2E1",".5","9007199254740993","9007199254740992"]}"#,
                "[-2E1,-1,0,0.5,1,1.0,9,10,9007199254740992,9007199254740993]",
            ),
            (
                r#"{"BS":["U3Vubnk=","UmFpbnk=","U25vd3k="]}"#,
                r#"["U25vd3k=","U3Vubnk=","UmFpbnk="]"#,
            ),
            (r#"{"SS":[]}"#, "[]"),
        ] {
            assert_eq!(value(typed).as_deref(), Ok(plain), "{typed}");
        }
    }

    #[test]
    fn the_attributes_of_an_item_keep_their_order() {
        let typed = r#"{"z":{"S":"1"},"a":{"N":"2"},"\u00f1":{"L":[{"N":"3.0"}]}}"#;
        assert_eq!(item(typed).as_deref(), Ok(r#"{"z":"1","a":2,"ñ":[3.0]}"#));
        assert_eq!(item("{}").as_deref(), Ok("{}"));
    }

    #[test]
    fn a_value_that_is_wrong_is_named_with_its_place_and_the_reason() {
        let nines = "9".repeat(39);
        let nines = format!(r#"{{"N":"{nines}"}}"#);
        for (typed, told) in [
            ("{}", "Image.a must have a type"),
            (r#"{"S":"x","N":"1"}"#, "Image.a must have one type only"),
            (r#"{"S":"x","S":"x"}"#, "Image.a must have one type only"),
            (r#"{"X":"x"}"#, "Image.a.X is no type"),
            (r#"{"s":"x"}"#, "Image.a.s is no type"),
            (r#"{"$serde_json::private::RawValue":"1"}"#, "is no type"),
            ("\"x\"", "Image.a invalid type: string"),
            ("1", "Image.a invalid type: integer"),
            ("null", "Image.a invalid type: null"),
            ("[]", "Image.a invalid type: sequence"),
            (r#"["S","x"]"#, "Image.a invalid type: sequence"),
            (r#"{"S":1}"#, "Image.a.S invalid type: integer `1`"),
            (r#"{"S":null}"#, "Image.a.S invalid type: null"),
            (
                r#"{"S":"\ud800"}"#,
                "Image.a.S unexpected end of hex escape",
            ),
            (r#"{"N":1}"#, "Image.a.N invalid type: integer `1`"),
            (
                r#"{"N":"x"}"#,
                "Image.a.N must be a decimal number and not \"x\"",
            ),
            (r#"{"N":"1E126"}"#, "Image.a.N must be 0 or from 1E-130"),
            (&nines, "Image.a.N must have at most 38 digits: 999"),
            (r#"{"B":"AAEqQQ"}"#, "Image.a.B must be base64"),
            (r#"{"B":"AA_-"}"#, "Image.a.B must be base64"),
            (r#"{"B":"A A="}"#, "Image.a.B must be base64"),
            (r#"{"BOOL":"true"}"#, "Image.a.BOOL invalid type"),
            (r#"{"BOOL":1}"#, "Image.a.BOOL invalid type"),
            (r#"{"NULL":false}"#, "Image.a.NULL must be true"),
            (r#"{"NULL":null}"#, "Image.a.NULL invalid type"),
            (r#"{"M":[]}"#, "Image.a.M invalid type: sequence"),
            (r#"{"L":{}}"#, "Image.a.L invalid type: map"),
            (r#"{"SS":"a"}"#, "Image.a.SS invalid type: string"),
            (r#"{"SS":[1]}"#, "Image.a.SS invalid type: integer `1`"),
            (r#"{"NS":["1","x"]}"#, "Image.a.NS must be a decimal number"),
            (r#"{"BS":["AA==","x"]}"#, "Image.a.BS must be base64"),
            (
                r#"{"M":{"b":{"L":[{"N":"1"},{"M":{"c":{"N":"1"},"d":{"N":""}}}]}}}"#,
                "Image.a.M.b.L[1].M.d.N must be a decimal number",
            ),
            (
                r#"{"M":{"b":{"S":""},"c":{"S":""},"\u0062":{"S":""}}}"#,
                "Image.a.M.b must not be there twice",
            ),
        ] {
            let error = value(typed).unwrap_err();
            assert!(error.contains(told), "{typed}: {error}");
        }
        let twice = item(r#"{"a":{"S":""},"a":{"S":""}}"#).unwrap_err();
        assert_eq!(twice, "Image.a must not be there twice");
        assert!(item("[]").unwrap_err().starts_with("Image invalid type"));
    }

    #[test]
    fn an_error_is_short_however_long_the_item() {
        let long = "ñ".repeat(100_000);
        for typed in [
            format!(r#"{{"{long}":{{"N":"x"}}}}"#),
            format!(r#"{{"a":"{long}"}}"#),
            format!(r#"{{"a":{{"N":"{long}"}}}}"#),
            format!(r#"{{"a":{{"{long}":1}}}}"#),
            format!(r#"{{"a":{{"BOOL":"{long}"}}}}"#),
            format!(
                r#"{{"a":{}1{}}}"#,
                format!(r#"{{"M":{{"{}":"#, "ñ".repeat(100)).repeat(32),
                "}}".repeat(32)
            ),
        ] {
            assert!(item(&typed).unwrap_err().len() < 800);
        }
    }

    #[test]
    fn maps_and_lists_are_nested_to_32_levels() {
        let maps = |levels: usize| {
            let (open, close) = (r#"{"M":{"m":"#.repeat(levels), "}}".repeat(levels));
            format!(r#"{open}{{"SS":["x"]}}{close}"#)
        };
        let lists = |levels: usize| {
            let (open, close) = (r#"{"L":["#.repeat(levels), "]}".repeat(levels));
            format!(r#"{open}{{"N":"1"}}{close}"#)
        };
        let plain = format!("{}1{}", "[".repeat(32), "]".repeat(32));
        assert_eq!(value(&lists(32)), Ok(plain));
        assert!(value(&maps(32)).is_ok());
        for deep in [maps(33), lists(33), maps(100_000), lists(100_000)] {
            let error = value(&deep).unwrap_err();
            assert!(
                error.ends_with("must not be nested deeper than 32 levels"),
                "{error}"
            );
        }
        for noise in [
            "[".repeat(100_000),
            r#"{"M":"#.repeat(100_000),
            r#"{"x":"#.repeat(100_000),
        ] {
            let close: String = noise
                .chars()
                .rev()
                .filter_map(|c| match c {
                    '[' => Some(']'),
                    '{' => Some('}'),
                    _ => None,
                })
                .collect();
            assert!(value(&format!("{noise}1{close}")).is_err());
        }
    }

    #[test]
    fn an_item_of_400_kilobytes_is_read() {
        let long = "x".repeat(400 * 1024);
        let plain = format!("\"{long}\"");
        assert_eq!(value(&format!(r#"{{"S":"{long}"}}"#)), Ok(plain));
        let elements = vec![r#"{"M":{"n":{"N":"1.0"}}}"#; 40_000].join(",");
        let plain = value(&format!(r#"{{"L":[{elements}]}}"#)).unwrap();
        assert_eq!(
            plain,
            format!("[{}]", vec![r#"{"n":1.0}"#; 40_000].join(","))
        );
        let names: Vec<_> = (0..40_000)
            .map(|n| format!(r#""{n}":{{"N":"{n}"}}"#))
            .collect();
        let fields = read(&raw(&format!("{{{}}}", names.join(","))), "").unwrap();
        assert_eq!(fields.len(), 40_000);
        assert_eq!(fields.get("39999").unwrap().get(), "39999");
    }

    #[test]
    fn a_key_has_one_identity() {
        let of = |text: &str| {
            let raw = raw(text);
            identity(&raw).map(|keys| serde_json::to_string(&keys).unwrap())
        };
        let one = of(r#"{"b":{"N":"1.50"},"a":{"S":"x"}}"#);
        assert_eq!(one.as_deref(), Ok(r#"{"a":{"S":"x"},"b":{"N":"1.5E0"}}"#));
        assert_eq!(of(r#" {"a": {"S":"\u0078"},"b":{"N":"15E-1"} } "#), one);
        for other in [
            r#"{"b":{"S":"1.5E0"},"a":{"S":"x"}}"#,
            r#"{"b":{"N":"1.51"},"a":{"S":"x"}}"#,
            r#"{"b":{"N":"1.5"},"a":{"B":"x"}}"#,
            r#"{"b":{"N":"1.5"}}"#,
        ] {
            assert_ne!(of(other), one, "{other}");
        }
        assert_ne!(
            of(r#"{"id":{"N":"9007199254740993"}}"#),
            of(r#"{"id":{"N":"9007199254740992"}}"#)
        );
        for wrong in [
            r#"{"a":{"BOOL":true}}"#,
            r#"{"a":{"M":{}}}"#,
            r#"{"a":{"NULL":true}}"#,
            r#"{"a":{"N":"x"}}"#,
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    /// Typed values and their plain JSON, written by other code.
    fn values() -> impl Strategy<Value = (String, String)> {
        let leaf = prop_oneof![
            any::<String>().prop_map(|s| (json!({"S": s}).to_string(), json!(s).to_string())),
            any::<i64>().prop_map(|n| (format!(r#"{{"N":"{n}"}}"#), n.to_string())),
            (any::<u32>(), "[0-9]{1,20}")
                .prop_map(|(n, d)| (format!(r#"{{"N":"{n}.{d}"}}"#), format!("{n}.{d}"))),
            any::<bool>().prop_map(|b| (format!(r#"{{"BOOL":{b}}}"#), b.to_string())),
            Just((r#"{"NULL":true}"#.to_owned(), "null".to_owned())),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
                let text = BASE64_STANDARD.encode(bytes);
                (json!({"B": text}).to_string(), json!(text).to_string())
            }),
            prop::collection::btree_set(any::<i32>(), 1..6).prop_map(|set| {
                let typed: Vec<_> = set.iter().rev().map(i32::to_string).collect();
                (json!({"NS": typed}).to_string(), json!(set).to_string())
            }),
            prop::collection::btree_set(any::<String>(), 1..6).prop_map(|set| {
                let typed: Vec<_> = set.iter().rev().collect();
                (json!({"SS": typed}).to_string(), json!(set).to_string())
            }),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(|list| {
                    let (typed, plain): (Vec<_>, Vec<_>) = list.into_iter().unzip();
                    let typed = typed.join(", ");
                    (
                        format!(r#"{{"L": [{typed}]}}"#),
                        format!("[{}]", plain.join(",")),
                    )
                }),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|members| {
                    let members = members.into_iter().map(|(name, (typed, plain))| {
                        let name = json!(name);
                        (format!("{name} : {typed}"), format!("{name}:{plain}"))
                    });
                    let (typed, plain): (Vec<_>, Vec<_>) = members.unzip();
                    let typed = typed.join(",\n");
                    (
                        format!(r#"{{"M": {{{typed}}}}}"#),
                        format!("{{{}}}", plain.join(",")),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_typed_value_becomes_its_plain_json((typed, plain) in values()) {
            prop_assert_eq!(value(&typed), Ok(plain));
        }

        #[test]
        fn a_set_has_one_form_whatever_its_order(
            set in prop::collection::vec("[+-]?0?[0-9]{1,3}(\\.[0-9]{0,2})?(E[0-9])?", 1..8),
            turn in 0usize..8,
        ) {
            let mut turned = set.clone();
            turned.rotate_left(turn % set.len());
            let form = value(&json!({"NS": set}).to_string()).unwrap();
            prop_assert_eq!(value(&json!({"NS": turned}).to_string()), Ok(form));
        }

        #[test]
        fn what_is_almost_a_value_is_json_or_an_error(
            (typed, _) in values(), at: prop::sample::Index, new in "[\\{\\}\\[\\]\",:a1NSMLB ]{0,3}",
        ) {
            let mut text: Vec<char> = typed.chars().collect();
            let at = at.index(text.len());
            text.splice(at..=at, new.chars());
            let text: String = text.into_iter().collect();
            if RawValue::from_string(text.clone()).is_ok() && let Ok(plain) = value(&text) {
                prop_assert!(RawValue::from_string(plain).is_ok());
            }
        }
    }
}

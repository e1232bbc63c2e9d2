//! JSON texts of untrusted authors: parsed within limits, with errors that name their
//! place, and written in the canonical form of RFC 8785 (JSON Canonicalization Scheme),
//! which is the same for all texts of the same meaning.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// An error in a JSON text, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Flaw {
    /// The place, as in `.panels[2].caption`; empty for the value itself.
    pub path: String,
    /// The error, worded to follow the path.
    pub problem: String,
}

/// The maximum number of characters of a member's name that a path repeats.
const MAX_NAME: usize = 64;

/// A JSON text that was parsed.
pub struct Document<'a> {
    value: Json<'a>,
    /// The length of the text.
    length: usize,
}

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'d> {
    /// It is not there, or null.
    Absent,
    /// A string.
    Text(&'d str),
    /// Another value.
    Other,
}

impl Document<'_> {
    /// The canonical form (RFC 8785): without white space, members in the order of their
    /// names' UTF-16 code units, strings and numbers as ECMAScript writes them.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        self.value.write(&mut out);
        out
    }

    /// A member of the object that the text is; absent of another value.
    pub fn member(&self, name: &str) -> Member<'_> {
        let Json::Object(members) = &self.value else {
            return Member::Absent;
        };
        match members.iter().find(|(known, _)| known == name) {
            None | Some((_, Json::Null)) => Member::Absent,
            Some((_, Json::Text(text))) => Member::Text(text),
            Some(_) => Member::Other,
        }
    }
}

/// The canonical form of a JSON text: [`Document::canonical`].
///
/// # Errors
/// Those of [`parse`].
pub fn canonical(text: &str, max_levels: usize) -> Result<Vec<u8>, Flaw> {
    parse(text, max_levels).map(|document| document.canonical())
}

/// Parses a JSON text.
///
/// # Errors
/// The first [`Flaw`]: the text is not JSON, is nested deeper than `max_levels` (at most
/// 127), has a member twice, a number beyond those of a double, or a string that is not
/// Unicode (a lone surrogate).
pub fn parse(text: &str, max_levels: usize) -> Result<Document<'_>, Flaw> {
    let flaw = RefCell::new(None);
    let place = Place {
        step: Step::Root,
        parent: None,
        levels: max_levels,
        flaw: &flaw,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text.as_bytes());
    let read = place
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json));
    match read {
        Ok(value) => Ok(Document {
            value,
            length: text.len(),
        }),
        Err(error) => Err(flaw.take().unwrap_or_else(|| Flaw {
            path: String::new(),
            problem: problem(&error),
        })),
    }
}

/// The parser's message without its line and column: the path names the place.
fn problem(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match text {
        "number out of range" => "must be a number that fits into a double".to_owned(),
        // The parser's messages about a \u escape of a lone surrogate.
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            r"must be Unicode: it has a \u escape of a surrogate without its pair".to_owned()
        }
        text => text.to_owned(),
    }
}

enum Json<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => write_number(*number, out),
            Self::Text(text) => write_text(text, out),
            Self::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    out.push(if index == 0 { b'[' } else { b',' });
                    element.write(out);
                }
                out.extend_from_slice(if elements.is_empty() { b"[]" } else { b"]" });
            }
            Self::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push(if index == 0 { b'{' } else { b',' });
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.extend_from_slice(if members.is_empty() { b"{}" } else { b"}" });
            }
        }
    }
}

/// Writes a number as ECMAScript does; one that was parsed from JSON is finite.
fn write_number(number: f64, out: &mut Vec<u8>) {
    let whole = number as i64;
    if whole as f64 == number && whole.unsigned_abs() < 1 << 53 {
        // The most frequent numbers need no search for the shortest digits. Minus zero is 0.
        let mut digits = [0; 17];
        let mut left = whole.unsigned_abs();
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            // A digit is less than 10.
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
            length += 1;
            if left == 0 {
                break;
            }
        }
        if whole < 0 {
            out.push(b'-');
        }
        out.extend(digits.iter().skip(digits.len() - length));
    } else {
        let mut digits = ryu_js::Buffer::new();
        out.extend_from_slice(digits.format_finite(number).as_bytes());
    }
}

/// Compares texts by their UTF-16 code units.
fn by_utf16(one: &str, other: &str) -> Ordering {
    let mut pairs = one.bytes().zip(other.bytes());
    match pairs.find(|(one, other)| one != other) {
        // Below U+E000, UTF-8 has the same order.
        Some((one, other)) if one < 0xEE && other < 0xEE => one.cmp(&other),
        Some(_) => one.encode_utf16().cmp(other.encode_utf16()),
        None => one.len().cmp(&other.len()),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Cannot fail: each string has a JSON form, and the buffer is in memory.
    let _ = serde_json::to_writer(out, text);
}

/// The place of the value that is being parsed.
struct Place<'p> {
    step: Step<'p>,
    parent: Option<&'p Place<'p>>,
    /// The number of levels that may still be nested here.
    levels: usize,
    /// The first flaw that was found.
    flaw: &'p RefCell<Option<Flaw>>,
}

enum Step<'p> {
    Root,
    Member(&'p str),
    Element(usize),
}

impl Place<'_> {
    fn path(&self) -> String {
        let before = self.parent.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Root => before,
            Step::Member(name) => format!("{before}.{name:.MAX_NAME$}"),
            Step::Element(index) => format!("{before}[{index}]"),
        }
    }

    /// The number of objects and arrays around this place.
    fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }

    /// Keeps a flaw of this place, unless one inside it is known.
    fn keep<E: fmt::Display>(&self, error: E) -> E {
        self.flaw.borrow_mut().get_or_insert_with(|| Flaw {
            path: self.path(),
            problem: problem(&error),
        });
        error
    }

    fn inside<'p>(&'p self, step: Step<'p>) -> Place<'p> {
        Place {
            step,
            parent: Some(self),
            levels: self.levels.saturating_sub(1),
            flaw: self.flaw,
        }
    }

    fn check_level<E: Error>(&self) -> Result<(), E> {
        match self.levels {
            0 => Err(self.keep(E::custom(format_args!(
                "must not be nested deeper than {} levels",
                self.depth()
            )))),
            _ => Ok(()),
        }
    }
}

/// A name; without a copy if it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for &Place<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer
            .deserialize_any(self)
            .map_err(|error| self.keep(error))
    }
}

impl<'de> Visitor<'de> for &Place<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json<'de>, A::Error> {
        self.check_level()?;
        let mut elements = Vec::new();
        loop {
            let place = self.inside(Step::Element(elements.len()));
            match sequence.next_element_seed(&place)? {
                Some(element) => elements.push(element),
                None => return Ok(Json::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        self.check_level()?;
        let mut members: Vec<(Cow<'_, str>, Json<'_>)> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value_seed(&self.inside(Step::Member(&name)))?;
            members.push((name, value));
        }
        let is_sorted = members.is_sorted_by(|(one, _), (other, _)| by_utf16(one, other).is_le());
        if !is_sorted {
            members.sort_by(|(one, _), (other, _)| by_utf16(one, other));
        }
        let twice = members.windows(2).find_map(|pair| match pair {
            [(one, _), (other, _)] if one == other => Some(other),
            _ => None,
        });
        match twice {
            Some(name) => {
                let place = self.inside(Step::Member(name));
                Err(place.keep(A::Error::custom("must not be there twice")))
            }
            None => Ok(Json::Object(members)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn form(text: &str) -> Result<String, Flaw> {
        canonical(text, 32).map(|form| String::from_utf8(form).unwrap())
    }

    #[test]
    fn spelling_does_not_matter() {
        for (text, expected) in [
            (" { } ", "{}"),
            ("[ ]", "[]"),
            (
                r#"{"b" : [ true,null ], "a":{"d":0,"c":false}}"#,
                r#"{"a":{"c":false,"d":0},"b":[true,null]}"#,
            ),
            (r#""\u0041\u00e9\/\u000a\t\ud83d\ude00""#, "\"Aé/\\n\\t😀\""),
            (r#"{"\u0061":1.50}"#, r#"{"a":1.5}"#),
            (r#"["x\"y",""]"#, r#"["x\"y",""]"#),
            (
                "[1e2, -0, 1E-7, 333333333.33333329]",
                "[100,0,1e-7,333333333.3333333]",
            ),
            // By UTF-16 code units the emoji comes before the ligature.
            (r#"{"\ufb01":1,"\ud83d\ude00":2}"#, "{\"😀\":2,\"ﬁ\":1}"),
        ] {
            assert_eq!(form(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn members_are_found_by_their_names() {
        let text = r#"{"b":"\u0041","\u0061":null,"c":7}"#;
        let document = parse(text, 32).unwrap();
        assert_eq!(document.member("b"), Member::Text("A"));
        assert_eq!(document.member("c"), Member::Other);
        for absent in ["a", "d"] {
            assert_eq!(document.member(absent), Member::Absent);
        }
        assert_eq!(parse("[]", 32).unwrap().member("a"), Member::Absent);
    }

    proptest! {
        #[test]
        fn names_are_in_the_order_of_their_utf_16(one: String, other: String) {
            let expected = one.encode_utf16().cmp(other.encode_utf16());
            prop_assert_eq!(by_utf16(&one, &other), expected);
            let (one, other) = (format!("a\u{e000}{one}"), format!("a\u{10000}{other}"));
            prop_assert!(by_utf16(&one, &other).is_gt());
        }

        #[test]
        fn whole_numbers_are_written_as_all_others(number in -(1_i64 << 54)..1 << 54, bits: u64) {
            for number in [number as f64, f64::from_bits(bits), f64::from_bits(bits).trunc()] {
                if number.is_finite() {
                    let mut out = Vec::new();
                    write_number(number, &mut out);
                    let mut digits = ryu_js::Buffer::new();
                    prop_assert_eq!(out, digits.format_finite(number).as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_flaw_is_found_in_its_place() {
        let twice = "must not be there twice";
        let unicode = r"must be Unicode: it has a \u escape of a surrogate without its pair";
        let double = "must be a number that fits into a double";
        let digits = format!(r#"{{"a":[0,{}]}}"#, "9".repeat(400));
        for (text, path, problem) in [
            (r#"{"a":1,"b":2,"a":1}"#, ".a", twice),
            (r#"{"p":[{"c":1},{"c":1,"\u0063":2}]}"#, ".p[1].c", twice),
            (r#"{"p":["ok","\ud800"]}"#, ".p[1]", unicode),
            (r#"{"p":{"\udc00":1}}"#, ".p", unicode),
            (r#"{"p":"\ud800\u0041"}"#, ".p", unicode),
            (r#"{"price":1e400}"#, ".price", double),
            (&digits, ".a[1]", double),
        ] {
            let flaw = form(text).unwrap_err();
            assert_eq!(
                (flaw.path.as_str(), flaw.problem.as_str()),
                (path, problem),
                "{text}"
            );
        }
        let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "é".repeat(1000));
        assert_eq!(form(&long).unwrap_err().path.chars().count(), 65);
        assert!(form("{} x").is_err() && form("").is_err() && form("[1,]").is_err());
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(form(&nested(32)).is_ok());
        assert_eq!(form(&nested(33)).unwrap_err().path, "[0]".repeat(32));
        assert!(form(&nested(100_000)).is_err());
    }

    #[test]
    fn a_name_is_a_name() {
        let text = r#"{"$serde_json::private::RawValue":"[1,2]"}"#;
        assert_eq!(form(text).unwrap(), text);
        let number = r#"{"$serde_json::private::Number":"no number"}"#;
        assert_eq!(form(number).unwrap(), number);
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2() {
        let sample = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(form(sample).unwrap(), expected);
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
        assert_eq!(form(sample).unwrap(), expected);
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
            assert_eq!(form(&digits).unwrap(), expected, "{digits}");
        }
    }

    #[test]
    fn an_integer_is_a_double_too() {
        assert_eq!(form("9007199254740993").unwrap(), "9007199254740992");
        assert_eq!(
            form("18446744073709551615").unwrap(),
            "18446744073709552000"
        );
        assert_eq!(form("-0").unwrap(), "0");
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

    proptest! {
        #[test]
        fn the_form_is_that_of_another_implementation(value in values()) {
            let expected = serde_json_canonicalizer::to_string(&value).unwrap();
            let found = form(&value.to_string()).unwrap();
            prop_assert_eq!(&found, &expected);
            // The canonical form is JSON and is canonical itself.
            prop_assert_eq!(form(&found).unwrap(), expected);
        }
    }
}

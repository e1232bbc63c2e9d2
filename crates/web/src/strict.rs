//! Rules for JSON that parsers leave open: names are unique, and nesting is limited.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::Invalid;

/// The maximum number of objects and arrays around a value.
const MAX_DEPTH: usize = 128;

/// The maximum number of members of an object. Each costs memory, and no body needs more.
const MAX_MEMBERS: usize = 65_536;

/// The maximum length of a path in an error, in bytes.
const MAX_PATH: usize = 200;

/// An object or array that is still open.
enum Level<'a> {
    Object {
        names: Names<'a>,
        /// The member that is being read.
        name: Cow<'a, str>,
        awaits_name: bool,
    },
    Array {
        index: usize,
    },
}

/// The number of names that are compared one by one: faster than their hashes.
const FEW_NAMES: usize = 16;

/// The names of an object's members so far.
#[derive(Default)]
struct Names<'a> {
    first: Vec<Cow<'a, str>>,
    others: HashSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Adds a name. Returns whether it is a new one.
    fn insert(&mut self, name: Cow<'a, str>) -> bool {
        if self.first.contains(&name) {
            return false;
        }
        if self.first.len() < FEW_NAMES {
            self.first.push(name);
            return true;
        }
        self.others.insert(name)
    }
}

/// Refuses JSON in which an object has two members of one name (RFC 8259, 4: readers
/// differ in which of them they use), or that is nested too deep, in one pass over the
/// bytes. Text that is no JSON is left to the parser to refuse.
///
/// # Errors
/// `invalid_field` with the path of the doubled member, as in `toons[3].text`, or
/// `invalid_json`.
pub(crate) fn check(body: &[u8]) -> Result<(), Invalid> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(());
    };
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'{' => levels.push(Level::Object {
                names: Names::default(),
                name: Cow::Borrowed(""),
                awaits_name: true,
            }),
            b'[' => levels.push(Level::Array { index: 0 }),
            b'}' | b']' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::Object { awaits_name, .. }) => *awaits_name = true,
                Some(Level::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = end_of_string(body, at);
                let string = text.get(at..end).unwrap_or_default();
                begin_member(&mut levels, string)?;
                at = end;
                continue;
            }
            _ => {}
        }
        if levels.len() > MAX_DEPTH {
            let message = format!("the body is nested deeper than {MAX_DEPTH} levels");
            return Err(Invalid::json(message));
        }
        at += 1;
    }
    Ok(())
}

/// Records a string, with its quotes, as the name of a member if an object expects one.
fn begin_member<'a>(levels: &mut [Level<'a>], string: &'a str) -> Result<(), Invalid> {
    let Some(Level::Object {
        names,
        name,
        awaits_name: awaits_name @ true,
    }) = levels.last_mut()
    else {
        return Ok(());
    };
    *awaits_name = false;
    *name = decoded(string);
    let is_new = names.insert(name.clone());
    let count = names.first.len() + names.others.len();
    if !is_new {
        let message = format!("{}: must not be there twice", path(levels));
        return Err(Invalid::field(message));
    }
    if count > MAX_MEMBERS {
        let message = format!("an object may have at most {MAX_MEMBERS} members");
        return Err(Invalid::field(message));
    }
    Ok(())
}

/// The index after the closing quote of the string that begins at `at`.
fn end_of_string(body: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = body.get(end) {
        end += match byte {
            b'"' => return end + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    body.len()
}

/// The text of a string; as it was sent if its escapes are not Unicode.
fn decoded(string: &str) -> Cow<'_, str> {
    if string.contains('\\')
        && let Ok(text) = serde_json::from_slice(string.as_bytes())
    {
        return Cow::Owned(text);
    }
    let inner = string.strip_prefix('"').unwrap_or(string);
    Cow::Borrowed(inner.strip_suffix('"').unwrap_or(inner))
}

/// The path of the member that is being read, as in `toons[3].text`.
fn path(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { name, .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Level::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    base::shorten(&path, MAX_PATH).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        check(text.as_bytes()).err().map(|invalid| invalid.message)
    }

    #[test]
    fn a_doubled_member_is_named_with_its_place() {
        for (text, place) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":1,"b":{"a":1},"\u0061":2}"#, "a"),
            (
                r#" { "toons" : [ {} , {"x": {"y":[1,"y",{"z":0, "z":1}]}} ] }"#,
                "toons[1].x.y[2].z",
            ),
            (r#"[{"a":[],"b":{},"a":null}]"#, "[0].a"),
            (r#"{"":1,"":1}"#, ""),
            (r#"{"a\"":"{","a\"":1}"#, "a\""),
            (r#"{"\ud800":1,"\ud800":2}"#, r"\ud800"),
        ] {
            let expected = format!("{place}: must not be there twice");
            assert_eq!(told(text).unwrap(), expected, "{text}");
        }
        // Among many members, of the first and of the last ones.
        let members: Vec<_> = (0..100).map(|n| format!("\"{n}\":0")).collect();
        for name in ["0", "15", "16", "99"] {
            let text = format!(r#"{{{},"{name}":0}}"#, members.join(","));
            assert!(told(&text).unwrap().starts_with(&format!("{name}: ")));
        }
        let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "ñ".repeat(1_000));
        assert!(told(&long).unwrap().len() < 250);
    }

    #[test]
    fn equal_names_in_different_objects_and_equal_texts_are_no_matter() {
        for text in [
            r#"{"a":{"a":{"a":"a"}},"b":["a","a"],"c":"a"}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":"\"a\":1,","b":"}{"}"#,
            r#""a","a""#,
            "",
            "{",
            r#"{"a"#,
            r#"{"a\"#,
            "]]]}}}",
            "\u{feff}{}",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        assert!(
            check(b"{\"a\":1,\"a\":\"\xff\"}").is_ok(),
            "left to the parser"
        );
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(told(&nested(MAX_DEPTH)), None);
        for depth in [MAX_DEPTH + 1, 1_000_000] {
            assert!(told(&nested(depth)).unwrap().contains("128 levels"));
        }
    }

    #[test]
    fn an_object_has_only_so_many_members_and_a_large_body_is_read_in_no_time() {
        let members = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(told(&members(MAX_MEMBERS)), None);
        assert!(told(&members(MAX_MEMBERS + 1)).unwrap().contains("65536"));
    }
}

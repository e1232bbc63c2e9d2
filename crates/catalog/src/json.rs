//! Reading JSON as strictly as the SerDes of Athena do, and with the digits of its numbers.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::vec::IntoIter;

use bigdecimal::BigDecimal;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The max length of a number: that of the product of two numbers of DynamoDB, in plain
/// digits, and to spare.
const MAX_NUMBER_BYTES: usize = 1_000;

/// The max depth of other fields, that of serde_json.
const MAX_DEPTH: usize = 128;

/// The members of an object, to be taken in their order.
pub(crate) struct Object<'a> {
    path: String,
    members: IntoIter<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// The object in `text`, which is at `path` in its document; empty for the document.
    pub(crate) fn read(text: &'a str, path: &str) -> Result<Self, String> {
        if !text.starts_with('{') {
            return Err(match path {
                "" => "it is no JSON object".to_owned(),
                path => format!("`{path}` is no object"),
            });
        }
        let Members(members) =
            serde_json::from_slice(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut seen = HashSet::new();
        for (name, _) in &members {
            if !seen.insert(name.to_lowercase()) {
                return Err(format!("`{}` is there twice", join(path, name)));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            members: members.into_iter(),
        })
    }

    /// The next member, if it has this name.
    fn next(&mut self, name: &str) -> Option<&'a RawValue> {
        let (next, _) = self.members.as_slice().first()?;
        (next == name)
            .then(|| self.members.next())?
            .map(|(_, value)| value)
    }

    fn needed(&mut self, name: &str) -> Result<&'a RawValue, String> {
        self.next(name)
            .ok_or_else(|| format!("`{}` is missing, or not in its place", self.at(name)))
    }

    fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The next member, a string.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, String> {
        let value = self.needed(name)?;
        self.as_text(name, value)
    }

    /// The next member, a string, if it has this name.
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, String> {
        let value = self.next(name);
        value.map(|value| self.as_text(name, value)).transpose()
    }

    fn as_text(&self, name: &str, value: &RawValue) -> Result<String, String> {
        serde_json::from_slice(value.get().as_bytes())
            .map_err(|_| format!("`{}` is no string", self.at(name)))
    }

    /// The next member, a number, as it is written.
    pub(crate) fn number(&mut self, name: &str) -> Result<Number, String> {
        let value = self.needed(name)?;
        Number::read(value).map_err(|problem| format!("`{}` {problem}", self.at(name)))
    }

    /// The next member, a number without fraction and sign, if it has this name.
    pub(crate) fn optional_count(&mut self, name: &str) -> Result<Option<u64>, String> {
        let value = self.next(name);
        value.map(|value| self.as_count(name, value)).transpose()
    }

    /// The next member, a number without fraction and sign.
    pub(crate) fn count(&mut self, name: &str) -> Result<u64, String> {
        let value = self.needed(name)?;
        self.as_count(name, value)
    }

    fn as_count(&self, name: &str, value: &RawValue) -> Result<u64, String> {
        serde_json::from_slice(value.get().as_bytes())
            .map_err(|_| format!("`{}` is no whole number", self.at(name)))
    }

    /// The next member, an object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Self, String> {
        let value = self.needed(name)?;
        Self::read(value.get(), &self.at(name))
    }

    /// The next member, an array of objects.
    pub(crate) fn objects(&mut self, name: &str) -> Result<Vec<Self>, String> {
        let value = self.needed(name)?;
        let path = self.at(name);
        let items: Vec<&RawValue> = serde_json::from_slice(value.get().as_bytes())
            .map_err(|_| format!("`{path}` is no array"))?;
        let items = items.into_iter().enumerate();
        items
            .map(|(n, item)| Self::read(item.get(), &format!("{path}[{n}]")))
            .collect()
    }

    /// The end of the object, where an object `otros` of any content may be.
    pub(crate) fn end(mut self) -> Result<(), String> {
        if let Some(value) = self.next("otros") {
            let path = self.at("otros");
            if !value.get().starts_with('{') {
                return Err(format!("`{path}` is no object"));
            }
            has_unique_names(value, 0).map_err(|problem| format!("`{path}`: {problem}"))?;
        }
        match self.members.next() {
            None => Ok(()),
            Some((name, _)) => Err(format!(
                "`{}` is unknown, or not in its place",
                self.at(&name)
            )),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A number with the digits after the point that it is written with.
pub(crate) struct Number {
    /// Its exact value.
    pub value: BigDecimal,
    /// The digits after the point; none with an exponent.
    pub digits: Option<usize>,
}

impl Number {
    fn read(value: &RawValue) -> Result<Self, &'static str> {
        let text = value.get();
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Err("is no number");
        }
        if text.len() > MAX_NUMBER_BYTES {
            return Err("has too many digits");
        }
        let number = BigDecimal::from_str(text).map_err(|_| "is no number")?;
        // An exponent can ask for more digits than there is memory.
        if number.as_bigint_and_scale().1.unsigned_abs() > MAX_NUMBER_BYTES as u64 {
            return Err("has too many digits");
        }
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
        let digits = (!text.contains(['e', 'E'])).then_some(fraction.len());
        Ok(Self {
            value: number,
            digits,
        })
    }
}

/// The members of an object, in order and also where a name is there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visit).map(Self)
    }
}

/// Whether no object in `value` has a name twice.
fn has_unique_names(value: &RawValue, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("it is nested too deep".to_owned());
    }
    let text = value.get();
    let invalid = |error: serde_json::Error| error.to_string();
    let inner: Vec<&RawValue> = match text.as_bytes().first() {
        Some(b'[') => serde_json::from_slice(text.as_bytes()).map_err(invalid)?,
        Some(b'{') => {
            let Members(members) = serde_json::from_slice(text.as_bytes()).map_err(invalid)?;
            let mut seen = HashSet::new();
            if let Some((name, _)) = members.iter().find(|(name, _)| !seen.insert(name)) {
                return Err(format!("`{name}` is there twice"));
            }
            members.into_iter().map(|(_, value)| value).collect()
        }
        _ => return Ok(()),
    };
    inner
        .into_iter()
        .try_for_each(|value| has_unique_names(value, depth + 1))
}

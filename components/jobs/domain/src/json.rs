//! JSON texts, taken apart one level at a time, so that what is inside keeps
//! the spelling in which it was sent.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Result};

/// A string; without a copy if it has no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A member of an object.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of an object in their order, those that are there twice too.
pub(crate) fn members(object: &RawValue) -> Result<Vec<Member<'_>>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(
            self,
            mut map: A,
        ) -> std::result::Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((Text(name), value)) = map.next_entry()? {
                members.push((name, value));
            }
            Ok(members)
        }
    }

    Deserializer::from_str(object.get()).deserialize_map(Members)
}

/// The first `most` elements of an array, and how many it has in all.
pub(crate) fn elements(array: &RawValue, most: usize) -> Result<(Vec<&RawValue>, usize)> {
    struct Elements(usize);

    impl<'de> Visitor<'de> for Elements {
        type Value = (Vec<&'de RawValue>, usize);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(
            self,
            mut sequence: A,
        ) -> std::result::Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while elements.len() < self.0 {
                match sequence.next_element()? {
                    Some(element) => elements.push(element),
                    None => break,
                }
            }
            let mut count = elements.len();
            while sequence.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok((elements, count))
        }
    }

    Deserializer::from_str(array.get()).deserialize_seq(Elements(most))
}

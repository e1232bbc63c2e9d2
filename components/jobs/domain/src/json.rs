//! JSON texts, parsed one level at a time, so that nested values keep their spelling.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Result};

/// The first `max` elements of an array, and the number of all its elements.
pub(crate) fn elements(array: &RawValue, max: usize) -> Result<(Vec<&RawValue>, usize)> {
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

    Deserializer::from_slice(array.get().as_bytes()).deserialize_seq(Elements(max))
}

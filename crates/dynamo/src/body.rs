//! The records of a body.

use std::fmt;

use base::Invalid;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// The maximum number of records in a body: that of a batch which Lambda delivers.
pub const MAX_RECORDS: usize = 10_000;

/// The records of a body, each as its JSON text, so that one which cannot be read does
/// not spoil the others. The body is one of:
/// - `{"Records": [...]}`, as Lambda delivers a batch,
/// - an array of records, as EventBridge Pipes delivers a batch,
/// - one record, as EventBridge Pipes delivers it to a target without batches.
///
/// # Errors
/// [`Invalid`]: the body is none of these (`invalid_json`, `invalid_field`) or has more
/// than [`MAX_RECORDS`] records (`too_many_records`).
pub fn records(body: &[u8]) -> Result<Vec<&RawValue>, Invalid> {
    let records = match body.trim_ascii_start().first() {
        Some(b'{') => {
            let event: Event = serde_json::from_slice(body).map_err(invalid)?;
            match (event.records, event.dynamodb) {
                (Some(Batch(records)), _) => records,
                (None, Some(_)) => vec![serde_json::from_slice(body).map_err(invalid)?],
                (None, None) => return Err(Invalid::field("Records is missing")),
            }
        }
        Some(b'[') => {
            let Batch(records) = serde_json::from_slice(body).map_err(invalid)?;
            records
        }
        _ => {
            return Err(Invalid::json(
                r#"the body must be {"Records": [...]} or an array of records"#,
            ));
        }
    };
    if records.len() > MAX_RECORDS {
        return Err(Invalid::new(
            "too_many_records",
            format!("the body must have at most {MAX_RECORDS} records; send them in parts"),
        ));
    }
    Ok(records)
}

fn invalid(error: serde_json::Error) -> Invalid {
    let text = error.to_string();
    let text = base::shorten(&text, 256);
    match error.classify() {
        Category::Data => Invalid::field(text),
        _ => Invalid::json(format!("the body must be JSON: {text}")),
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Batch<'a>>,
    /// A member of a record itself.
    dynamodb: Option<IgnoredAny>,
}

/// Records, of which those beyond [`MAX_RECORDS`] + 1 are not kept.
struct Batch<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Batch<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Batch<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Batch<'de>, A::Error> {
                let mut records = Vec::new();
                while records.len() <= MAX_RECORDS {
                    match seq.next_element()? {
                        Some(record) => records.push(record),
                        None => return Ok(Batch(records)),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Batch(records))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(body: &str) -> Vec<&str> {
        let records = records(body.as_bytes()).unwrap();
        records.into_iter().map(RawValue::get).collect()
    }

    fn code(body: impl AsRef<[u8]>) -> &'static str {
        records(body.as_ref()).unwrap_err().code
    }

    #[test]
    fn a_batch_of_lambda_or_of_pipes_and_one_record_are_read() {
        let body = "\n{\"x\":[1],\"Records\": [ {\"a\" : 1.0} ,null, \"b\",[2]] }\n";
        assert_eq!(texts(body), ["{\"a\" : 1.0}", "null", "\"b\"", "[2]"]);
        assert_eq!(texts(" [ {\"a\":1}, {} ]"), ["{\"a\":1}", "{}"]);
        let one = r#"{"eventName":"INSERT","dynamodb":{"Keys":{}}}"#;
        assert_eq!(texts(one), [one]);
        assert_eq!(texts(r#"{"Records":[]}"#), [""; 0]);
        assert_eq!(texts("[]"), [""; 0]);
    }

    #[test]
    fn a_record_that_makes_no_sense_does_not_spoil_the_others() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"Records":[{{}},{{"a":1,"a":"\ud800"}},1e999,{deep}]}}"#);
        assert_eq!(
            texts(&body),
            ["{}", r#"{"a":1,"a":"\ud800"}"#, "1e999", &deep]
        );
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in ["", " ", "null", "1", "\"Records\"", "Records", "{", "[1,]"] {
            assert_eq!(code(body), "invalid_json", "{body}");
        }
        assert_eq!(code(r#"{"Records":[{]}"#), "invalid_json");
        assert_eq!(code(r#"{"Records":[]} x"#), "invalid_json");
        assert_eq!(code(b"[\"\xff\"]"), "invalid_json");
        for body in [
            "{}",
            r#"{"records":[]}"#,
            r#"{"Records":null}"#,
            r#"{"Records":{}}"#,
            r#"{"Records":"[]"}"#,
            r#"{"Records":[],"Records":[]}"#,
        ] {
            assert_eq!(code(body), "invalid_field", "{body}");
        }
        let long = format!(r#"{{"Records":"{}"}}"#, "x".repeat(100_000));
        assert!(records(long.as_bytes()).unwrap_err().message.len() < 300);
    }

    #[test]
    fn a_body_has_at_most_10_000_records() {
        let body = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(texts(&body(10_000)).len(), 10_000);
        assert_eq!(code(body(10_001)), "too_many_records");
        assert_eq!(code(body(1_000_000)), "too_many_records");
        let event = format!(r#"{{"Records":{}}}"#, body(10_001));
        assert_eq!(code(event), "too_many_records");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            like_json in r#"[\{\[]("Records":)?[\[\{]?[\[\]\{\}",:a1n ]{0,20}"#,
        ) {
            let _ = records(&noise);
            let _ = records(like_json.as_bytes());
        }
    }
}

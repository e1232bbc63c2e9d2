//! Notifications of object stores: AWS S3 (also as MinIO sends it) and
//! EventBridge.

use serde::Deserialize;
use serde_json::Value;

use crate::{Uploaded, keys};

/// An object that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Its size in bytes, where told.
    pub size: Option<u64>,
    /// Its entity tag without quotes, where told.
    pub etag: Option<String>,
}

/// The content of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notified {
    /// The objects that were stored.
    pub created: Vec<ObjectCreated>,
    /// The errors of records that cannot be read, such as those of another source.
    pub unreadable: Vec<String>,
}

/// A body that is not a notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a notification of S3 or EventBridge: {0}")]
pub struct EventsError(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    size: Option<u64>,
    #[serde(alias = "eTag")]
    etag: Option<String>,
}

impl Entity {
    fn created(self, key: String) -> ObjectCreated {
        ObjectCreated {
            bucket: self.bucket.name,
            key,
            size: self.object.size,
            etag: self
                .object
                .etag
                .map(|etag| etag.trim_matches('"').to_owned()),
        }
    }
}

/// The objects that a notification says were stored. Other events give none, nor does the
/// test event that S3 sends when notifications are set up. A record that cannot be read
/// does not affect the others.
///
/// Shapes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
/// and <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>.
///
/// # Errors
/// The body is not a notification, or none of its records can be read.
pub fn parse_events(body: &Value) -> Result<Notified, EventsError> {
    if let Some(records) = body.get("Records") {
        let records: Vec<Value> = parse(records)?;
        let mut notified = Notified::default();
        for record in &records {
            match parse::<Record>(record) {
                Ok(record) if is_created(&record.event_name) => {
                    // In this shape keys are percent-encoded as in forms.
                    let key = decode(&record.s3.object.key);
                    notified.created.push(record.s3.created(key));
                }
                Ok(_) => {}
                Err(EventsError(reason)) => notified.unreadable.push(reason),
            }
        }
        return match notified.unreadable.first() {
            Some(reason) if notified.unreadable.len() == records.len() => {
                Err(EventsError(reason.clone()))
            }
            _ => Ok(notified),
        };
    }
    if let Some(kind) = body.get("detail-type").and_then(Value::as_str) {
        if kind != "Object Created" {
            return Ok(Notified::default());
        }
        let detail: Entity = parse(body.get("detail").unwrap_or(&Value::Null))?;
        let key = detail.object.key.clone();
        return Ok(Notified {
            created: vec![detail.created(key)],
            unreadable: Vec::new(),
        });
    }
    if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Notified::default());
    }
    Err(EventsError(
        "it has neither `Records` nor `detail-type`".into(),
    ))
}

/// The photos among stored objects, and the objects that are none of this application: those
/// of another bucket than `bucket`, and those of other names. Objects that the analyzer
/// stored itself are neither.
pub fn uploads(created: Vec<ObjectCreated>, bucket: &str) -> (Vec<Uploaded>, Vec<ObjectCreated>) {
    let (mut uploads, mut others) = (Vec::new(), Vec::new());
    for event in created {
        match event.key.parse() {
            Ok(file) if event.bucket == bucket => uploads.push(Uploaded {
                file,
                size: event.size,
                etag: event.etag,
            }),
            Err(_) if event.bucket == bucket && keys::is_verified(&event.key) => {}
            _ => others.push(event),
        }
    }
    (uploads, others)
}

fn parse<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, EventsError> {
    T::deserialize(value).map_err(|error| EventsError(error.to_string()))
}

/// AWS names the event `ObjectCreated:Put`, MinIO `s3:ObjectCreated:Put`.
fn is_created(event: &str) -> bool {
    event
        .strip_prefix("s3:")
        .unwrap_or(event)
        .starts_with("ObjectCreated:")
}

fn decode(key: &str) -> String {
    let key = key.replace('+', " ");
    percent_encoding::percent_decode_str(&key)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(event: &str, key: &str) -> Value {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-11-22T10:00:00.000Z", "eventName": event,
            "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
                "bucket": {"name": "images", "arn": "arn:aws:s3:::images"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd9", "sequencer": "0055AED6DCD90281E5"}}
        })
    }

    fn keys(body: &Value) -> Vec<String> {
        parse_events(body)
            .unwrap()
            .created
            .into_iter()
            .map(|event| event.key)
            .collect()
    }

    #[test]
    fn all_created_objects_of_a_notification_are_found() {
        let body = json!({"Records": [
            record("ObjectCreated:Put", "7-a.jpg"),
            record("ObjectRemoved:Delete", "7-b.jpg"),
            record("s3:ObjectCreated:CompleteMultipartUpload", "7-c.jpg"),
        ]});
        assert_eq!(keys(&body), ["7-a.jpg", "7-c.jpg"]);
        let first = parse_events(&body).unwrap().created.remove(0);
        assert_eq!(
            (first.bucket.as_str(), first.size, first.etag.as_deref()),
            ("images", Some(1024), Some("d41d8cd9"))
        );
    }

    #[test]
    fn uploads_are_told_from_objects_of_others() {
        let photo = format!("7-{}.png", "a".repeat(64));
        let created = |bucket: &str, key: &str| ObjectCreated {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: Some(5),
            etag: None,
        };
        let stored = vec![
            created("images", &photo),
            created("others", &photo),
            created("images", &format!("verified/{photo}")),
            created("others", &format!("verified/{photo}")),
            created("images", "notes.txt"),
        ];
        let (uploads, others) = uploads(stored, "images");
        let [upload] = uploads.as_slice() else {
            panic!("{uploads:?}");
        };
        assert_eq!(
            (upload.file.to_string(), upload.size),
            (photo.clone(), Some(5))
        );
        let others = others.iter().map(|event| (&*event.bucket, &*event.key));
        let verified = format!("verified/{photo}");
        let expected = [
            ("others", &*photo),
            ("others", &verified),
            ("images", "notes.txt"),
        ];
        assert_eq!(others.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_record_of_another_source_does_not_take_a_good_one_with_it() {
        let body = json!({"Records": [
            {"eventSource": "aws:ses", "ses": {}},
            record("ObjectCreated:Put", "7-a.jpg"),
            7,
        ]});
        let notified = parse_events(&body).unwrap();
        assert_eq!(notified.created.len(), 1);
        assert_eq!(notified.unreadable.len(), 2, "{:?}", notified.unreadable);
    }

    #[test]
    fn keys_are_decoded_as_forms_are() {
        let body = json!({"Records": [record("ObjectCreated:Put", "my+photo%2Bone%C3%B1.jpg")]});
        assert_eq!(keys(&body), ["my photo+oneñ.jpg"]);
    }

    #[test]
    fn eventbridge_sends_one_object_with_a_plain_key() {
        let mut body = json!({
            "version": "0", "detail-type": "Object Created", "source": "aws.s3",
            "detail": {"version": "0", "bucket": {"name": "images"},
                "object": {"key": "a+b.jpg", "size": 5, "etag": "\"e\"", "sequencer": "1"},
                "reason": "PutObject"}
        });
        let event = parse_events(&body).unwrap().created.remove(0);
        assert_eq!(
            (event.key.as_str(), event.etag.as_deref()),
            ("a+b.jpg", Some("e"))
        );
        body["detail-type"] = json!("Object Deleted");
        assert_eq!(parse_events(&body), Ok(Notified::default()));
    }

    #[test]
    fn a_test_event_is_no_error() {
        let body = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"});
        assert_eq!(parse_events(&body), Ok(Notified::default()));
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in [
            json!({}),
            json!([]),
            json!("Records"),
            json!({"Records": {}}),
            json!({"Records": [{"eventName": "ObjectCreated:Put"}]}),
            json!({"detail-type": "Object Created"}),
        ] {
            assert!(parse_events(&body).is_err(), "{body}");
        }
    }
}

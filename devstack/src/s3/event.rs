use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};

const EVENT_TIME: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The dialect of notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventShape {
    /// As AWS S3 sends them, see "Event message structure" in its user guide.
    #[default]
    Aws,
    /// As MinIO's webhook sends them: other version and source, `s3:` before
    /// the event's name, and `EventName` and `Key` beside `Records`.
    MinIo,
}

/// An object was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    /// A number that grows with every event, over restarts too.
    pub(super) sequencer: u64,
    /// The kind without `ObjectCreated:`, such as `Put`.
    pub(super) kind: String,
    pub(super) time: OffsetDateTime,
    pub(super) region: String,
    pub(super) bucket: String,
    pub(super) key: String,
    /// The size in bytes.
    pub(super) size: u64,
    /// The tag without quotes.
    pub(super) e_tag: String,
    pub(super) content_type: Option<String>,
    pub(super) access_key: String,
    pub(super) source: String,
    pub(super) request_id: String,
}

impl Event {
    pub(super) fn notification(&self, shape: EventShape) -> Value {
        let name = format!("ObjectCreated:{}", self.kind);
        // HTML form encoding, where a space is `+`; AWS leaves slashes as they are.
        let escaped: String = url::form_urlencoded::byte_serialize(self.key.as_bytes()).collect();
        match shape {
            EventShape::Aws => json!({
                "Records": [self.record("2.1", "aws:s3", &name, &escaped.replace("%2F", "/"))],
            }),
            EventShape::MinIo => {
                let name = format!("s3:{name}");
                json!({
                    "EventName": name,
                    "Key": format!("{}/{}", self.bucket, self.key),
                    "Records": [self.record("2.0", "minio:s3", &name, &escaped)],
                })
            }
        }
    }

    fn record(&self, version: &str, source: &str, name: &str, key: &str) -> Value {
        let mut object = json!({
            "key": key,
            "size": self.size,
            "eTag": self.e_tag,
            "sequencer": format!("{:016X}", self.sequencer),
        });
        if source == "minio:s3"
            && let (Some(content_type), Some(object)) = (&self.content_type, object.as_object_mut())
        {
            object.insert("contentType".into(), json!(content_type));
        }
        json!({
            "eventVersion": version,
            "eventSource": source,
            "awsRegion": self.region,
            "eventTime": self.time.format(EVENT_TIME).unwrap_or_default(),
            "eventName": name,
            "userIdentity": { "principalId": self.access_key },
            "requestParameters": { "sourceIPAddress": self.source },
            "responseElements": { "x-amz-request-id": self.request_id },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "orilla",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": self.access_key },
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": object,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn event() -> Event {
        Event {
            sequencer: 0x18A0_1234_5678_9ABC,
            kind: "Put".into(),
            time: datetime!(2026-11-22 06:07:08.009 UTC),
            region: "us-east-1".into(),
            bucket: "images".into(),
            key: "un año/foto 1+2.jpg".into(),
            size: 7,
            e_tag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            content_type: Some("image/jpeg".into()),
            access_key: "orilla".into(),
            source: "127.0.0.1".into(),
            request_id: "18A0123456789ABC".into(),
        }
    }

    #[test]
    fn aws_leaves_slashes_in_the_key_and_writes_spaces_as_plus() {
        let notification = event().notification(EventShape::Aws);
        let record = &notification["Records"][0];
        assert_eq!(record["s3"]["object"]["key"], "un+a%C3%B1o/foto+1%2B2.jpg");
        assert_eq!(record["s3"]["object"]["sequencer"], "18A0123456789ABC");
        assert_eq!(record["eventName"], "ObjectCreated:Put");
        assert_eq!(record["eventTime"], "2026-11-22T06:07:08.009Z");
        assert!(notification.get("Key").is_none());
    }

    #[test]
    fn minio_adds_the_plain_key_and_prefixes_the_name() {
        let notification = event().notification(EventShape::MinIo);
        let record = &notification["Records"][0];
        assert_eq!(notification["EventName"], "s3:ObjectCreated:Put");
        assert_eq!(notification["Key"], "images/un año/foto 1+2.jpg");
        assert_eq!(record["eventName"], "s3:ObjectCreated:Put");
        assert_eq!(
            record["s3"]["object"]["key"],
            "un+a%C3%B1o%2Ffoto+1%2B2.jpg"
        );
        assert_eq!(record["s3"]["object"]["contentType"], "image/jpeg");
    }
}

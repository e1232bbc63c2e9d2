//! The messages of the jobs queue.

use std::borrow::Cow;

use queue::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{JobId, Toon, ToonId};

/// `job.toon`: a toon to process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message<'a> {
    /// The job.
    pub job: Cow<'a, JobId>,
    /// The run of the job: its id may be used again once the job has expired.
    #[serde(borrow)]
    pub run: Cow<'a, str>,
    /// The toon's place in the job, from 0.
    pub index: u32,
    /// The toon's id.
    pub toon_id: Cow<'a, ToonId>,
    /// The toon as it was submitted.
    #[serde(borrow)]
    pub toon: &'a RawValue,
}

impl<'a> Message<'a> {
    /// The message of the toon at `index` of `job`.
    pub fn new(job: &'a JobId, run: &'a str, index: u32, toon: &'a Toon<'_>) -> Self {
        Self {
            job: Cow::Borrowed(job),
            run: Cow::Borrowed(run),
            index,
            toon_id: Cow::Borrowed(&toon.id),
            toon: toon.content,
        }
    }
}

impl queue::Message for Message<'_> {
    const KIND: &'static str = "job.toon";
    const SCHEMA: u32 = 1;
}

impl<'m> Incoming<'m> for Message<'m> {
    const SCHEMA: u32 = <Self as queue::Message>::SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == <Self as queue::Message>::KIND).then(|| serde_json::from_slice(message))
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use queue::Message as _;
    use serde_json::json;

    use super::*;

    const TOON: &str = r#"{"toonId": "T-1", "seed": 9007199254740993, "a": 1.50}"#;

    fn toon() -> Toon<'static> {
        Toon {
            id: "T-1".parse().unwrap(),
            content: serde_json::from_str(TOON).unwrap(),
        }
    }

    #[test]
    fn a_toon_arrives_to_the_letter() {
        let job: JobId = "JOB-001".parse().unwrap();
        let toon = toon();
        let message = Message::new(&job, "r1", 17, &toon);
        let encoded = message.encode(&Trace::new()).unwrap();
        let message: Message<'_> = queue::read("job.toon", &encoded).unwrap();
        assert_eq!(message.toon.get(), TOON);
        assert_eq!(*message.job, job);
        assert_eq!(message.index, 17);
        assert_eq!(message.toon_id.as_str(), "T-1");
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = r#"{"type":"job.toon","schema":1,"trace":{"request_id":"r"},
            "job":"JOB-001","run":"r1","index":0,"toon_id":"T-1","toon":{"toonId":"T-1"}}"#;
        let message: Message<'_> = queue::read("job.toon", first.as_bytes()).unwrap();
        assert_eq!(message.toon.get(), r#"{"toonId":"T-1"}"#);
    }

    #[test]
    fn what_is_no_message_is_told() {
        let job = "JOB-001".parse().unwrap();
        let message = serde_json::to_value(Message::new(&job, "r1", 0, &toon())).unwrap();
        for (field, value, told) in [
            ("job", json!("a b"), "1 to 128"),
            ("toon_id", json!(""), "1 to 128"),
            ("index", json!(-1), "-1"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = queue::read::<Message<'_>>("job.toon", message.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{message}: {error}");
        }
        assert!(queue::read::<Message<'_>>("job.other", b"{}").is_err());
    }
}

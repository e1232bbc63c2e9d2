//! The messages of the jobs queue.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{JobId, Toon, ToonId};

/// The schema version that is written. Older ones stay readable.
pub const SCHEMA: u32 = 1;

/// `job.toon`: a toon is to be processed. `T` are the ids that follow a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message<'a, T> {
    #[serde(rename = "type")]
    kind: Kind,
    schema: u32,
    /// Ids to follow it by.
    pub trace: T,
    /// The job.
    pub job: Cow<'a, JobId>,
    /// Which job of that id: another may have it when this one is forgotten.
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

/// What a message is about. Other types are not read.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "job.toon")]
    Toon,
}

/// A message that this version does not understand.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no `job.toon`.
    #[error("the message is no job.toon: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("the message has schema {0}, and the latest known is {SCHEMA}")]
    Newer(u32),
}

impl<'a, T> Message<'a, T> {
    /// The message of the toon at `index` of `job`.
    pub fn new(trace: T, job: &'a JobId, run: &'a str, index: u32, toon: &'a Toon<'_>) -> Self {
        Self {
            kind: Kind::Toon,
            schema: SCHEMA,
            trace,
            job: Cow::Borrowed(job),
            run: Cow::Borrowed(run),
            index,
            toon_id: Cow::Borrowed(&toon.id),
            toon: toon.content,
        }
    }
}

impl<T: Serialize> Message<'_, T> {
    /// The message as it goes into the queue.
    ///
    /// # Errors
    /// What `T` says when it cannot be written.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        // What is beside the toon is seldom longer than this.
        let mut message = Vec::with_capacity(self.toon.get().len() + 512);
        serde_json::to_writer(&mut message, self)?;
        Ok(message)
    }
}

impl<'a, T: Deserialize<'a>> Message<'a, T> {
    /// Reads a message of the queue.
    ///
    /// # Errors
    /// [`Unreadable`] says what is wrong with it; no further try helps this
    /// version.
    pub fn decode(message: &'a [u8]) -> Result<Self, Unreadable> {
        let message: Self = serde_json::from_slice(message)?;
        if message.schema > SCHEMA {
            return Err(Unreadable::Newer(message.schema));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
        let message = Message::new("trace", &job, "r1", 17, &toon);
        let encoded = message.encode().unwrap();
        let message = Message::<String>::decode(&encoded).unwrap();
        assert_eq!(message.toon.get(), TOON);
        assert_eq!(message.trace, "trace");
        assert_eq!(*message.job, job);
        assert_eq!(message.index, 17);
        assert_eq!(message.toon_id.as_str(), "T-1");
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = r#"{"type":"job.toon","schema":1,"trace":{"request_id":"r"},
            "job":"JOB-001","run":"r1","index":0,"toon_id":"T-1","toon":{"toonId":"T-1"}}"#;
        let message = Message::<Value>::decode(first.as_bytes()).unwrap();
        assert_eq!(message.toon.get(), r#"{"toonId":"T-1"}"#);
    }

    #[test]
    fn what_is_no_message_is_told() {
        let job = "JOB-001".parse().unwrap();
        let message = serde_json::to_value(Message::new(1, &job, "r1", 0, &toon())).unwrap();
        for (field, value, told) in [
            ("type", json!("job.other"), "job.other"),
            ("schema", json!(2), "schema 2"),
            ("schema", json!("1"), "invalid type"),
            ("job", json!("a b"), "1 to 128"),
            ("toon_id", json!(""), "1 to 128"),
            ("index", json!(-1), "-1"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = Message::<u32>::decode(message.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(told), "{message}: {error}");
        }
        assert!(Message::<u32>::decode(b"\xff").is_err());
    }
}

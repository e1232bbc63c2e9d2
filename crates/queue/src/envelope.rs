//! The envelope of every message: its type, the version of its schema and the ids of the
//! request that led to it. The body's fields stand beside these in one JSON object.

use std::borrow::Cow;

use base::{Failure, Trace};
use serde::{Deserialize, Serialize};

/// The body of a message of one type.
pub trait Message: Serialize {
    /// The type, such as `job.toon`.
    const KIND: &'static str;
    /// The version of the schema that is written. Earlier versions stay readable.
    const SCHEMA: u32;

    /// The message as it goes into a queue.
    ///
    /// # Errors
    /// [`Failure::Internal`] where the body cannot be written as JSON.
    fn encode(&self, trace: &Trace) -> Result<Vec<u8>, Failure> {
        encode(self, Some(trace))
    }

    /// The message without the ids of a request: always the same bytes for the same body.
    ///
    /// # Errors
    /// Those of [`Message::encode`].
    fn encode_untraced(&self) -> Result<Vec<u8>, Failure> {
        encode(self, None)
    }
}

/// The messages that a worker of one queue reads.
pub trait Incoming<'m>: Sized {
    /// The latest schema that this worker understands.
    const SCHEMA: u32;

    /// Reads the body of a message of type `kind`; `None` for an unknown type.
    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>>;
}

/// The envelope of a message.
#[derive(Clone, Debug, Deserialize)]
pub struct Envelope<'m> {
    /// The type.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'m, str>,
    /// The version of the schema.
    pub schema: u32,
    /// The ids of the request that led to the message, if one did.
    pub trace: Option<Trace>,
}

/// A message whose envelope was read.
#[derive(Clone, Debug)]
pub enum Opened<'m> {
    /// A message of a known schema, perhaps of an unknown type.
    Known(Envelope<'m>),
    /// A later version of the application wrote it: a worker of that version handles it.
    Newer {
        /// Its schema.
        schema: u32,
    },
    /// It has no envelope, for this reason. A retry does not help.
    Malformed(String),
}

/// Reads the envelope of a message. Schemas up to `max_schema` are known; of a later one
/// the body may have any shape.
pub fn open(message: &[u8], max_schema: u32) -> Opened<'_> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    match serde_json::from_slice::<Envelope<'_>>(message) {
        Ok(Envelope { schema, .. }) if schema > max_schema => Opened::Newer { schema },
        Ok(envelope) => Opened::Known(envelope),
        // A later version may have changed the envelope as well.
        Err(error) => match serde_json::from_slice(message) {
            Ok(Head { schema }) if schema > max_schema => Opened::Newer { schema },
            _ => Opened::Malformed(unreadable(&error)),
        },
    }
}

/// Reads the body of a message of type `kind`.
///
/// # Errors
/// The reason, for an operator: the type is unknown, or the body is not as its schema
/// says. A retry does not help.
pub fn read<'m, M: Incoming<'m>>(kind: &str, message: &'m [u8]) -> Result<M, String> {
    match M::read(kind, message) {
        Some(body) => body.map_err(|error| unreadable(&error)),
        None => Err(format!("no message of the type {kind} is known here")),
    }
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("the message cannot be read: {error}")
}

#[derive(Serialize)]
struct Outgoing<'a, B: ?Sized> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Trace>,
    #[serde(flatten)]
    body: &'a B,
}

fn encode<B: Message + ?Sized>(body: &B, trace: Option<&Trace>) -> Result<Vec<u8>, Failure> {
    let message = Outgoing {
        kind: B::KIND,
        schema: B::SCHEMA,
        trace,
        body,
    };
    let mut bytes = Vec::with_capacity(1024);
    serde_json::to_writer(&mut bytes, &message)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Greeting<'a> {
        #[serde(borrow)]
        words: &'a RawValue,
    }

    impl Message for Greeting<'_> {
        const KIND: &'static str = "test.greeting";
        const SCHEMA: u32 = 2;
    }

    impl<'m> Incoming<'m> for Greeting<'m> {
        const SCHEMA: u32 = 2;

        fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
            (kind == Self::KIND).then(|| serde_json::from_slice(message))
        }
    }

    fn read_words(message: &str) -> Result<String, String> {
        match open(message.as_bytes(), 2) {
            Opened::Known(envelope) => read::<Greeting<'_>>(&envelope.kind, message.as_bytes())
                .map(|greeting| greeting.words.get().to_owned()),
            Opened::Newer { schema } => Err(format!("newer: {schema}")),
            Opened::Malformed(reason) => Err(reason),
        }
    }

    #[test]
    fn a_body_arrives_to_the_letter_beside_its_envelope() {
        let words = serde_json::from_str(r#"[1.50, "ñ"]"#).unwrap();
        let message = Greeting { words }.encode_untraced().unwrap();
        let message = String::from_utf8(message).unwrap();
        assert_eq!(
            message,
            r#"{"type":"test.greeting","schema":2,"words":[1.50, "ñ"]}"#
        );
        assert_eq!(read_words(&message).unwrap(), r#"[1.50, "ñ"]"#);

        let trace = Trace::new();
        let message = Greeting { words }.encode(&trace).unwrap();
        let Opened::Known(envelope) = open(&message, 2) else {
            panic!("it cannot be read");
        };
        assert_eq!(envelope.trace, Some(trace));
    }

    #[test]
    fn earlier_schemas_are_read_and_later_ones_told_whatever_their_shape() {
        assert!(read_words(r#"{"type": "test.greeting", "schema": 1, "words": 1}"#).is_ok());
        for later in [
            r#"{"type": "test.greeting", "schema": 3, "words": 1}"#,
            r#"{"schema": 3, "type": "test.song"}"#,
            r#"{"schema": 3, "trace": 7}"#,
        ] {
            assert_eq!(read_words(later).unwrap_err(), "newer: 3");
        }
    }

    #[test]
    fn what_is_no_message_of_the_queue_is_told_with_its_reason() {
        for (message, told) in [
            ("\u{0}", "cannot be read"),
            (r#"{"schema": 1}"#, "missing field `type`"),
            (r#"{"type": "test.greeting"}"#, "missing field `schema`"),
            (
                r#"{"type": "test.greeting", "schema": "1"}"#,
                "invalid type",
            ),
            (
                r#"{"type": "test.greeting", "schema": 1}"#,
                "missing field `words`",
            ),
            (
                r#"{"type": "test.song", "schema": 1}"#,
                "test.song is known here",
            ),
        ] {
            let reason = read_words(message).unwrap_err();
            assert!(reason.contains(told), "{message}: {reason}");
        }
    }
}

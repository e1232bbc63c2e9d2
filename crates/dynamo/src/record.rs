//! One record.

use std::collections::BTreeMap;

use base::Fields;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::attributes::{self, Key};
use crate::{EventName, Sequence, time};

/// A change of an item, as a stream delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The kind of the change.
    pub event: EventName,
    /// `eventID`, unique for the change in AWS. Test tools repeat it.
    pub event_id: Option<String>,
    /// `eventSourceARN`, the ARN of the stream; without one `tableName`, which Kinesis Data
    /// Streams has in its place; empty without either. See [`Record::table`].
    pub source: String,
    /// `awsRegion`; empty if it is not there.
    pub region: String,
    /// The place among the changes of the item.
    pub sequence: Option<Sequence>,
    /// `SequenceNumber` as it was sent, by which a failed record is named.
    pub sequence_text: Option<String>,
    /// The time of the change in milliseconds since the Unix epoch, in AWS to the second.
    /// It orders nothing.
    pub millis: Option<u64>,
    /// The key of the item as plain JSON.
    pub keys: Option<Fields>,
    /// The item after the change as plain JSON, if the stream has it.
    pub new_image: Option<Fields>,
    /// The item before the change as plain JSON, if the stream has it.
    pub old_image: Option<Fields>,
    /// Whether DynamoDB itself removed the item because its time to live was over.
    pub is_ttl: bool,
    item: Option<String>,
}

impl Record {
    /// Parses a record, an element of [`crate::records`]. Members that are unknown are
    /// ignored, and so is a time that makes no sense. Objects without a member count as
    /// absent.
    ///
    /// # Errors
    /// The reason why it cannot be read, in at most some hundred characters: it is no
    /// record of a DynamoDB stream, its event or both its item and its key are missing, or
    /// a value breaks a rule of DynamoDB.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let event: Event = object(raw).map_err(|problem| format!("the record {problem}"))?;
        let version = event.event_version.map(|version| version.get());
        let major = version.map(|text| text.trim_matches('"').split('.').next());
        if !matches!(major, None | Some(Some("1"))) {
            return Err("eventVersion must be 1.x".to_owned());
        }
        let service = text(event.event_source, "eventSource")?;
        if service.is_some_and(|service| service != "aws:dynamodb") {
            return Err("eventSource must be aws:dynamodb".to_owned());
        }
        let name = text(event.event_name, "eventName")?.ok_or("eventName is missing")?;
        let name = name.parse().map_err(|error| format!("eventName {error}"))?;
        let change = event.dynamodb.ok_or("dynamodb is missing")?;
        let change: Change =
            object(change.get()).map_err(|problem| format!("dynamodb {problem}"))?;

        let source = match text(event.event_source_arn, "eventSourceARN")? {
            Some(arn) => arn,
            None => text(event.table_name, "tableName")?.unwrap_or_default(),
        };
        let fields = |image: Option<&RawValue>, place| {
            let fields = image.map(|image| attributes::read(image, place));
            Ok::<_, String>(fields.transpose()?.filter(|fields| !fields.is_empty()))
        };
        let new_image = fields(change.new_image, "dynamodb.NewImage")?;
        let old_image = fields(change.old_image, "dynamodb.OldImage")?;
        let keys = fields(change.keys, "dynamodb.Keys")?;
        if new_image.is_none() && old_image.is_none() && keys.is_none() {
            let problem = "dynamodb must have a NewImage, an OldImage or Keys";
            return Err(problem.to_owned());
        }
        let item = match change.keys {
            Some(raw) if keys.is_some() => Some(item(&source, raw)?),
            _ => None,
        };
        Ok(Self {
            event: name,
            event_id: text(event.event_id, "eventID")?,
            region: text(event.aws_region, "awsRegion")?.unwrap_or_default(),
            sequence: sequence(change.sequence_number)?,
            sequence_text: change.sequence_number.map(text_of),
            millis: change
                .time
                .and_then(|time| time::millis(time, change.time_precision)),
            keys,
            new_image,
            old_image,
            is_ttl: name == EventName::Remove && is_dynamodb(event.user_identity),
            source,
            item,
        })
    }

    /// The table of [`Record::source`]: the ARN up to `/stream/`, which stays the same when
    /// the table's stream is switched off and on.
    pub fn table(&self) -> &str {
        table(&self.source)
    }

    /// The identity of the item, for order and deduplication: a text that two records have
    /// in common if they are of the same key in the same table. `None` without `Keys`. It
    /// is as long as the key; DynamoDB's own have at most 3 KB.
    pub fn item(&self) -> Option<&str> {
        self.item.as_deref()
    }

    /// The identity of the change, 32 hex digits: two deliveries of a record have it in
    /// common. It is made of the `eventID` together with the item and the sequence number,
    /// since test tools give one `eventID` to all changes; without an `eventID`, of the
    /// item and the sequence number; and if one of these is missing, of the record's text.
    pub fn dedupe_key(&self, raw: &str) -> String {
        let sequence = self.sequence.as_ref().map(Sequence::to_string);
        match (&self.event_id, &self.item, &sequence) {
            (Some(id), item, sequence) => hash(&("id", self.table(), id, item, sequence)),
            (None, Some(item), Some(sequence)) => hash(&("sequence", item, sequence)),
            _ => text_key(raw),
        }
    }
}

/// The identity of a record that has none of its own or cannot be read, from its text: 32
/// hex digits, never those of a [`Record::dedupe_key`] from an `eventID` or a sequence.
pub fn text_key(raw: &str) -> String {
    hash(&("text", raw.trim()))
}

/// Half of the SHA-256 of values that are told apart by their JSON.
fn hash(parts: &impl Serialize) -> String {
    // Cannot fail: the parts are strings.
    let json = serde_json::to_vec(parts).unwrap_or_default();
    let hash: [u8; 32] = Sha256::digest(json).into();
    let (half, _) = hash.split_at(16);
    hex::encode(half)
}

fn table(source: &str) -> &str {
    source.split("/stream/").next().unwrap_or(source)
}

fn item(source: &str, keys: &RawValue) -> Result<String, String> {
    let keys: BTreeMap<String, Key> =
        attributes::identity(keys).map_err(|problem| format!("dynamodb.Keys {problem}"))?;
    serde_json::to_string(&(table(source), keys)).map_err(|error| error.to_string())
}

/// The maximum length of ids and names in bytes: that of the ARN of a stream
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Stream.html>).
const MAX_TEXT: usize = 1024;

/// A member that is a string; `None` if it is absent, null or empty.
fn text(member: Option<&RawValue>, name: &str) -> Result<Option<String>, String> {
    let Some(raw) = member else {
        return Ok(None);
    };
    match serde_json::from_slice::<String>(raw.get().as_bytes()) {
        Ok(text) if text.len() > MAX_TEXT => {
            Err(format!("{name} must have at most {MAX_TEXT} bytes"))
        }
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(_) => Err(format!("{name} must be a string")),
    }
}

/// The text of a string, or of another value as it is written.
fn text_of(raw: &RawValue) -> String {
    serde_json::from_slice(raw.get().as_bytes()).unwrap_or_else(|_| raw.get().to_owned())
}

/// A `SequenceNumber`: AWS writes a string, other tools a number.
fn sequence(member: Option<&RawValue>) -> Result<Option<Sequence>, String> {
    let Some(raw) = member else {
        return Ok(None);
    };
    let text = serde_json::from_slice::<String>(raw.get().as_bytes());
    let sequence = text.as_deref().unwrap_or(raw.get()).parse();
    let sequence = sequence.map_err(|error| format!("dynamodb.SequenceNumber {error}"))?;
    Ok(Some(sequence))
}

/// Whether DynamoDB itself made the change, not a user
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html>).
fn is_dynamodb(identity: Option<&RawValue>) -> bool {
    let identity: Option<Identity> = identity.and_then(|raw| object(raw.get()).ok());
    identity.is_some_and(|identity| {
        identity.kind.as_deref() == Some("Service")
            && identity.principal.as_deref() == Some("dynamodb.amazonaws.com")
    })
}

/// Parses an object. Structs alone would accept an array, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.trim_start().starts_with('{') {
        return Err("must be a JSON object".to_owned());
    }
    serde_json::from_slice(text.as_bytes())
        .map_err(|error| format!("cannot be read: {}", attributes::problem(&error)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    event_version: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<&'a RawValue>,
    #[serde(borrow)]
    table_name: Option<&'a RawValue>,
    #[serde(borrow)]
    aws_region: Option<&'a RawValue>,
    #[serde(borrow)]
    user_identity: Option<&'a RawValue>,
    #[serde(borrow)]
    dynamodb: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    #[serde(borrow, rename = "ApproximateCreationDateTime")]
    time: Option<&'a RawValue>,
    #[serde(borrow, rename = "ApproximateCreationDateTimePrecision")]
    time_precision: Option<&'a RawValue>,
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
    #[serde(borrow)]
    new_image: Option<&'a RawValue>,
    #[serde(borrow)]
    old_image: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence_number: Option<&'a RawValue>,
}

/// Lambda writes the names in lower case, the SDKs in upper case.
#[derive(Deserialize)]
struct Identity {
    #[serde(alias = "Type", rename = "type")]
    kind: Option<String>,
    #[serde(alias = "PrincipalId", rename = "principalId")]
    principal: Option<String>,
}

#[cfg(test)]
mod tests;

//! A change of a purchase, from which the line of the archive and the sums of reports
//! follow.

use std::fmt;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Content, Settings};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Event {
    /// It created the purchase.
    Insert,
    /// It gave the purchase other content.
    Modify,
    /// It removed the purchase.
    Remove,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 3] = [Self::Insert, Self::Modify, Self::Remove];

    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }

    /// The event at the start of a file's name: `insert`, `modify` or `remove`.
    pub fn in_name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Modify => "modify",
            Self::Remove => "remove",
        }
    }
}

impl From<dynamo::EventName> for Event {
    fn from(event: dynamo::EventName) -> Self {
        match event {
            dynamo::EventName::Insert => Self::Insert,
            dynamo::EventName::Modify => Self::Modify,
            dynamo::EventName::Remove => Self::Remove,
        }
    }
}

/// A change of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its kind.
    pub event: Event,
    /// The tenant; of a stream's record any text.
    pub tenant_id: String,
    /// The purchase; of a stream's record any text.
    pub compra_id: String,
    /// The user who owns the purchase.
    pub user_id: String,
    /// The purchase after the change; before it, if the change removed the purchase.
    pub content: Content,
    /// The operator's settings at the time of the change.
    pub settings: Settings,
    /// Where it was made.
    pub origin: Origin,
    /// Its id: the same for each delivery of the change.
    pub event_id: String,
    /// When it was made.
    pub at: Timestamp,
    /// Whether the item's time to live was over.
    pub is_ttl: bool,
}

/// Where a change was made, and its place among the changes of its purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Here, as this version of the purchase.
    Orilla {
        /// The version, from 1.
        version: u64,
    },
    /// In a table of DynamoDB.
    Dynamo {
        /// The place, from `SequenceNumber`.
        sequence: Option<dynamo::Sequence>,
        /// The identity of the record: 32 hex digits.
        key: String,
    },
}

impl Origin {
    /// `event_source` in the archive.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Orilla { .. } => "orilla:compras",
            Self::Dynamo { .. } => "aws:dynamodb",
        }
    }

    /// The place of a change of the time `at` among those of its purchase: the version, the
    /// `SequenceNumber`, or without these the time.
    pub(crate) fn sequence(&self, at: Timestamp) -> Sequence {
        Sequence(match self {
            Self::Orilla { version } => format!("{version:040}"),
            Self::Dynamo {
                sequence: Some(sequence),
                ..
            } => sequence.padded(),
            Self::Dynamo { .. } => format!("{:040}", at.millis()),
        })
    }

    /// Whether no other change of the purchase has its place: without a `SequenceNumber` the
    /// place is a time.
    pub fn has_place(&self) -> bool {
        !matches!(self, Self::Dynamo { sequence: None, .. })
    }
}

/// The place of a change among those of its purchase: 40 digits or more, so that the order
/// of texts is the order of changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(String);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Change {
    /// Its place among the changes of the purchase.
    pub fn sequence(&self) -> Sequence {
        self.origin.sequence(self.at)
    }

    /// The last part of the file's name, which no other change of the purchase has.
    pub(crate) fn suffix(&self) -> String {
        match &self.origin {
            Origin::Orilla { version } => format!("{version:06}"),
            Origin::Dynamo {
                sequence: Some(sequence),
                ..
            } => sequence.to_string(),
            Origin::Dynamo { key, .. } => {
                let key = key.get(..8).unwrap_or(key);
                format!("{:013}-{key}", self.at.millis())
            }
        }
    }
}

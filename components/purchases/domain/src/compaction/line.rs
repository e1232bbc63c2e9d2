//! Lines of the archive, as far as compaction reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::{Fields, Timestamp};
use serde::Deserialize;

use crate::archive::Key;
use crate::{Change, Content, Event, Fecha, Origin, Settings};

/// A line of the archive.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    compra_id: Cow<'a, str>,
    #[serde(borrow)]
    tenant_id: Cow<'a, str>,
    fecha: Fecha,
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    event_name: Event,
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    version: Option<u64>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    event_time: Timestamp,
}

impl<'a> Line<'a> {
    /// Reads a line, without its line feed; `None` if it is no change.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        // Structs alone would accept an array, too.
        line.starts_with(b"{")
            .then(|| serde_json::from_slice(line).ok())?
    }

    /// The key of its original; `None` if the line does not tell it: a record without a
    /// `SequenceNumber` has its time in its place, and a digest in its key.
    pub(super) fn key(&self) -> Option<Key> {
        let origin = self.origin()?;
        let may_be_time = match &origin {
            Origin::Dynamo { sequence, .. } => {
                let number = sequence.as_ref().map(ToString::to_string);
                number == Some(self.metadata.event_time.millis().to_string())
            }
            Origin::Orilla { .. } => false,
        };
        (!may_be_time).then(|| Key::of(&self.change(origin)))
    }

    /// Whether its original may have this key.
    pub(super) fn is_at(&self, key: &str) -> bool {
        let Ok(key) = key.parse::<Key>() else {
            return false;
        };
        let origin = match key.suffix.split_once('-') {
            Some((_, digest)) => Some(Origin::Dynamo {
                sequence: None,
                key: digest.to_owned(),
            })
            .filter(|origin| origin.source() == self.metadata.event_source),
            None => self.origin(),
        };
        origin.is_some_and(|origin| Key::of(&self.change(origin)) == key)
    }

    /// Where the change was made, if it has a number there.
    fn origin(&self) -> Option<Origin> {
        let Metadata {
            version, sequence, ..
        } = &self.metadata;
        let origin = match version {
            Some(version) => Origin::Orilla { version: *version },
            None => Origin::Dynamo {
                sequence: Some(sequence.parse().ok()?),
                key: String::new(),
            },
        };
        (origin.source() == self.metadata.event_source).then_some(origin)
    }

    /// The change, as far as its key needs it.
    fn change(&self, origin: Origin) -> Change {
        Change {
            event: self.metadata.event_name,
            tenant_id: self.tenant_id.to_string(),
            compra_id: self.compra_id.to_string(),
            user_id: String::new(),
            content: Content {
                fecha: self.fecha,
                productos: Vec::new(),
                otros: Fields::default(),
            },
            settings: Settings {
                moneda: String::new(),
                stage: String::new(),
                region: String::new(),
            },
            origin,
            event_id: String::new(),
            at: self.metadata.event_time,
            is_ttl: false,
        }
    }
}

/// The text of an object that is one line, without its line feed.
///
/// # Errors
/// The reason why it is not one line, worded to follow a key.
pub(super) fn one_line(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let line = text
        .strip_suffix('\n')
        .ok_or("does not end in a line feed")?;
    // A carriage return ends a line in Athena, too.
    match line.contains(['\n', '\r']) {
        true => Err("has more than one line"),
        false => Ok(line),
    }
}

/// Erased purchases, each with the last version that was erased. Changes of streams are not
/// erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased(BTreeMap<String, u64>);

impl Erased {
    /// Whether the change of a line was erased.
    pub(super) fn has(&self, line: &Line<'_>) -> bool {
        let Some(Origin::Orilla { version }) = line.origin() else {
            return false;
        };
        let last = self.0.get(&*line.compra_id);
        last.is_some_and(|last| version <= *last)
    }

    /// The purchases and their last versions.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.0.iter().map(|(id, version)| (&**id, *version))
    }

    /// The number of purchases.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, u64)> for Erased {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(purchases: I) -> Self {
        Self(purchases.into_iter().collect())
    }
}

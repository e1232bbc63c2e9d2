//! Records of DynamoDB Streams as changes of purchases.

use base::{Fields, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::archive::{ERRORS, Metadata, encoded, in_one_line};
use crate::content::Members;
use crate::message::ImportedMessage;
use crate::{
    Change, Content, Decimal, Entry, Event, Fecha, Origin, Product, Sequence, Settings, keys,
};

/// The identity of the item of a record, as a digest: that of its key; without `Keys` that
/// of its tenant and purchase. `None` if it has none of these.
///
/// A key of two strings `tenant_id` and `compra_id` tells the same as an item without
/// `Keys`, so records with and without `Keys` are of one item then.
pub fn item(record: &dynamo::Record) -> Option<String> {
    let fields = match &record.keys {
        Some(keys) => {
            let is_text = |(_, value): (&str, &RawValue)| value.get().starts_with('"');
            Some(keys).filter(|keys| keys.len() == 2 && keys.iter().all(is_text))
        }
        None => image(record),
    };
    let id =
        fields.and_then(|fields| Some([text(fields, "tenant_id")?, text(fields, "compra_id")?]));
    match id {
        Some(id) => {
            let identity = serde_json::to_string(&(record.table(), id)).ok()?;
            Some(keys::item(&identity))
        }
        None => record.item().map(keys::item),
    }
}

/// The item that a record shows: after the change, or before it if it was removed, or at
/// least its key.
fn image(record: &dynamo::Record) -> Option<&Fields> {
    let image = match record.event {
        dynamo::EventName::Remove => record.old_image.as_ref(),
        _ => record.new_image.as_ref(),
    };
    image.or(record.keys.as_ref())
}

/// A record of a stream, as the archive and the sums need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The identity of the record, 32 hex digits.
    pub key: String,
    /// The identity of its item; `None` if it has none.
    pub item: Option<String>,
    /// The place among the changes of its item.
    pub sequence: Sequence,
    /// Whether no other change of the item has this place. Otherwise it is a time.
    pub has_place: bool,
    /// The change that it describes, or the reason why it has no place in the archive.
    pub reading: Reading,
}

/// The change that a record describes, or the reason why it has no place in the archive.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It changed a purchase.
    Change(Box<Change>),
    /// It has no place in the archive.
    Unplaced(Box<Unplaced>),
}

/// A record without a place in the archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Unplaced {
    /// The reason, for an operator.
    pub reason: String,
    event: Event,
    event_id: String,
    key: String,
    source: &'static str,
    at: Timestamp,
    is_ttl: bool,
    item: Fields,
    settings: Settings,
}

impl Imported {
    /// Reads a queued record.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    pub fn read(message: &ImportedMessage) -> Result<Self, String> {
        let record = dynamo::Record::parse(message.record.get())?;
        let at = Timestamp::from_millis(record.millis.unwrap_or(message.received));
        let event_id = record.event_id.clone();
        let event_id = event_id.unwrap_or_else(|| message.key.clone());
        let settings = Settings {
            region: record.region.clone(),
            ..message.settings.clone()
        };
        let origin = Origin::Dynamo {
            sequence: record.sequence.clone(),
            key: message.key.clone(),
        };
        let mut fields: Vec<_> = image(&record)
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let all: Fields = fields.iter().cloned().collect();
        let mut take = |name: &str| {
            let at = fields.iter().position(|(own, _)| own == name)?;
            Some(fields.remove(at).1)
        };
        let [tenant, id, user] = ["tenant_id", "compra_id", "user_id"]
            .map(|name| take(name).and_then(|raw| scalar(&raw)));
        let content = (|| {
            let fecha = take("fecha").ok_or("fecha is missing")?;
            let fecha = scalar(&fecha).unwrap_or_default();
            let fecha: Fecha = fecha.parse().map_err(|error| format!("fecha {error}"))?;
            let productos = take("productos");
            Ok::<_, String>(Content {
                fecha,
                productos: productos.map_or(Ok(Vec::new()), |raw| products(&raw))?,
                otros: Fields::default(),
            })
        })();
        let named = |name: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            text.ok_or_else(|| format!("{name} is missing"))
        };
        let placed = (|| {
            let mut change = Change {
                event: record.event.into(),
                tenant_id: named("tenant_id", tenant)?,
                compra_id: named("compra_id", id)?,
                user_id: user.unwrap_or_default(),
                content: content?,
                settings: settings.clone(),
                origin: origin.clone(),
                event_id: event_id.clone(),
                at,
                is_ttl: record.is_ttl,
            };
            change.content.otros = fields.into_iter().collect();
            Ok::<_, String>(change)
        })();
        let reading = match placed {
            Ok(change) => Reading::Change(Box::new(change)),
            Err(reason) => Reading::Unplaced(Box::new(Unplaced {
                reason,
                event: record.event.into(),
                event_id,
                key: message.key.clone(),
                source: origin.source(),
                at,
                is_ttl: record.is_ttl,
                item: all,
                settings,
            })),
        };
        Ok(Self {
            key: message.key.clone(),
            item: item(&record),
            has_place: origin.has_place(),
            sequence: origin.sequence(at),
            reading,
        })
    }

    /// The purchase after the change, for the sums; `None` if they do not have it.
    pub fn entry(&self) -> Option<Entry> {
        match &self.reading {
            Reading::Change(change) => Entry::of(change),
            Reading::Unplaced(_) => None,
        }
    }
}

impl Unplaced {
    /// The key of its object: `errors/{YYYY}/{MM}/{DD}/{event}_{record}.json`, by the day of
    /// the change.
    pub fn object_key(&self) -> String {
        let day = Fecha::from_millis(self.at.millis()).day().replace('-', "/");
        let event = self.event.in_name();
        format!("{ERRORS}/{day}/{event}_{}.json", encoded(&self.key))
    }

    /// The content of its object: the reason, the item and the metadata, in one line.
    ///
    /// # Errors
    /// None known.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Line<'a> {
            error: &'a str,
            item: &'a Fields,
            metadata: Metadata<'a>,
        }
        let (settings, id) = (&self.settings, &self.event_id);
        in_one_line(&Line {
            error: &self.reason,
            item: &self.item,
            metadata: Metadata {
                removed_by: self.is_ttl.then_some("ttl"),
                ..Metadata::new(self.event, self.source, settings, id, self.at)
            },
        })
    }
}

/// The text of an attribute: a string, or the digits of a number.
fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_slice(text.as_bytes()).ok(),
        Some(b'-' | b'0'..=b'9') => Some(text.to_owned()),
        _ => None,
    }
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.get(name).and_then(scalar)
}

fn products(raw: &RawValue) -> Result<Vec<Product>, String> {
    if raw.get() == "null" {
        return Ok(Vec::new());
    }
    let lines: Vec<Fields> = serde_json::from_slice(raw.get().as_bytes())
        .map_err(|_| "productos must be a list of maps")?;
    let lines = lines.into_iter().enumerate();
    let lines = lines.map(|(nth, line)| {
        let Members {
            codigo,
            nombre,
            precio_unitario,
            cantidad,
            otros,
        } = line.into();
        let amount = |name, raw: Option<Box<RawValue>>| {
            let place = format!("productos[{nth}].{name}");
            let raw = raw.ok_or_else(|| format!("{place} is missing"))?;
            Decimal::read(&raw).map_err(|problem| format!("{place} {problem}"))
        };
        let text =
            |raw: Option<Box<RawValue>>| raw.and_then(|raw| scalar(&raw)).unwrap_or_default();
        Ok(Product {
            codigo: text(codigo),
            nombre: text(nombre),
            precio_unitario: amount("precio_unitario", precio_unitario)?,
            cantidad: amount("cantidad", cantidad)?,
            otros,
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests;

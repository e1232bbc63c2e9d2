//! A line of the archive.

use purchases_domain::Event;
use purchases_domain::archive::{Day, Key, encoded, encoded_id};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcDateTime};

use crate::amounts::{self, Item, Summary};
use crate::json::Object;

/// `metadata.event_source` of changes made in Orilla, which have versions.
pub(crate) const OWN: &str = "orilla:compras";

/// `metadata.event_source` of records of a DynamoDB stream.
const DYNAMODB: &str = "aws:dynamodb";

/// The digits of a sequence, so that the order of texts is that of numbers.
const SEQUENCE_DIGITS: usize = 40;

const FECHA: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const EVENT_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const TIME_IN_KEY: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]_[hour][minute][second]");

/// The fields of a change's document that are checked or compared.
pub(crate) struct Document {
    pub compra_id: String,
    pub tenant_id: String,
    pub source: String,
    /// Counted from 1 for each purchase of [`OWN`], also on after an erasure; others have none.
    pub version: Option<u64>,
    pub sequence: String,
    pub event_id: String,
    /// Whether `resumen` is right, and why not.
    pub sums: Result<(), String>,
    /// Whether the times and the numbers of the change agree, and why not.
    consistent: Result<(), String>,
    fecha: PrimitiveDateTime,
    event: Event,
    time: UtcDateTime,
}

impl Document {
    /// Reads a line, without its line feed.
    ///
    /// # Errors
    /// A fault that keeps the SerDes of Athena from reading it, or a departure from the
    /// format.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let mut document = Object::read(line, "")?;
        let compra_id = document.text("compra_id")?;
        let _user = document.text("user_id")?;
        let tenant_id = document.text("tenant_id")?;
        let fecha = document.text("fecha")?;
        let items = document.objects("productos")?;
        let items: Vec<_> = items.into_iter().map(item).collect::<Result<_, _>>()?;
        let summary = summary(document.object("resumen")?)?;
        let metadata = document.object("metadata")?;
        document.end()?;

        if compra_id.is_empty() || tenant_id.is_empty() {
            return Err("compra_id or tenant_id is empty".to_owned());
        }
        let fecha = PrimitiveDateTime::parse(&fecha, FECHA)
            .map_err(|_| format!("fecha `{fecha}` is not as in 2025-07-13 10:30:00"))?;
        let metadata = Metadata::read(metadata)?;
        Ok(Self {
            compra_id,
            tenant_id,
            version: metadata.version,
            consistent: metadata.is_consistent(),
            source: metadata.source,
            sequence: metadata.sequence,
            event_id: metadata.event_id,
            sums: amounts::check(&items, &summary),
            fecha,
            event: metadata.event,
            time: metadata.time,
        })
    }

    /// The partition of its tables.
    pub(crate) fn day(&self) -> Day {
        Day {
            tenant: encoded(&self.tenant_id),
            date: self.fecha.format(DAY).unwrap_or_default(),
        }
    }

    /// Whether the change is stored under the key that follows from it.
    pub(crate) fn is_at(&self, key: &Key) -> Result<(), String> {
        let stand_in = format!("{:013}-", self.millis());
        let suffix = match self.version {
            Some(version) => format!("{version:06}"),
            // The rest is a part of the record's hash.
            None if key.suffix.starts_with(&stand_in) => key.suffix.clone(),
            None => self.number().to_owned(),
        };
        let own = Key {
            day: self.day(),
            event: self.event,
            id: encoded_id(&self.compra_id),
            time: self.time.format(TIME_IN_KEY).unwrap_or_default(),
            suffix,
        };
        if own != *key {
            return Err(format!("its document belongs to {own}"));
        }
        self.consistent.clone()
    }

    /// Whether the change is in the part of this day.
    pub(crate) fn is_in(&self, day: &Day) -> Result<(), String> {
        if self.day() != *day {
            return Err(format!("its document belongs to {}", self.day()));
        }
        self.consistent.clone()
    }

    /// Whether the change created the purchase.
    pub(crate) fn is_insert(&self) -> bool {
        self.event == Event::Insert
    }

    /// Whether the source numbers its changes: a record without a sequence number has its
    /// time for one, and others may have the same.
    pub(crate) fn is_numbered(&self) -> bool {
        self.version.is_some() || self.number() != self.millis().to_string()
    }

    fn number(&self) -> &str {
        match self.sequence.trim_start_matches('0') {
            "" => "0",
            number => number,
        }
    }

    fn millis(&self) -> i128 {
        self.time.unix_timestamp_nanos() / 1_000_000
    }
}

fn item(mut object: Object<'_>) -> Result<Item, String> {
    object.text("codigo")?;
    object.text("nombre")?;
    let item = Item {
        price: object.number("precio_unitario")?,
        quantity: object.number("cantidad")?,
    };
    object.end()?;
    Ok(item)
}

fn summary(mut object: Object<'_>) -> Result<Summary, String> {
    let summary = Summary {
        items: object.count("total_productos")?,
        quantity: object.number("total_cantidad")?,
        price: object.number("total_precio")?,
        currency: object.text("moneda")?,
    };
    object.end()?;
    Ok(summary)
}

struct Metadata {
    event: Event,
    source: String,
    processed_at: String,
    version: Option<u64>,
    sequence: String,
    event_id: String,
    event_time: String,
    time: UtcDateTime,
}

impl Metadata {
    fn read(mut object: Object<'_>) -> Result<Self, String> {
        let event = object.text("event_name")?;
        let source = object.text("event_source")?;
        object.text("aws_region")?;
        let processed_at = object.text("processed_at")?;
        object.text("processed_by")?;
        object.text("stage")?;
        let version = object.optional_count("version")?;
        let sequence = object.text("sequence")?;
        let event_id = object.text("event_id")?;
        let event_time = object.text("event_time")?;
        object.optional_text("removed_by")?;
        object.end()?;

        let known = Event::ALL.into_iter().find(|own| own.as_str() == event);
        let event = known.ok_or_else(|| format!("event_name `{event}` is not one of the three"))?;
        match (source.as_str(), version) {
            (OWN, Some(1..)) | (DYNAMODB, None) => {}
            (OWN, _) => return Err("a change made in Orilla has no version from 1 on".to_owned()),
            (DYNAMODB, _) => return Err("a record of a stream has a version".to_owned()),
            _ => return Err(format!("event_source `{source}` is unknown")),
        }
        let is_digits = sequence.bytes().all(|byte| byte.is_ascii_digit());
        if sequence.len() < SEQUENCE_DIGITS || !is_digits {
            return Err(format!("sequence `{sequence}` has not 40 digits"));
        }
        let time = PrimitiveDateTime::parse(&event_time, EVENT_TIME)
            .map_err(|_| {
                format!("event_time `{event_time}` is not as in 2025-07-13T10:30:45.123Z")
            })?
            .as_utc();
        Ok(Self {
            event,
            source,
            processed_at,
            version,
            sequence,
            event_id,
            event_time,
            time,
        })
    }

    fn is_consistent(&self) -> Result<(), String> {
        if self.processed_at != self.event_time {
            return Err("processed_at is not event_time".to_owned());
        }
        let digits = SEQUENCE_DIGITS;
        match self.version {
            Some(version) if self.sequence != format!("{version:0digits$}") => {
                Err(format!("its sequence is not its version {version}"))
            }
            _ => Ok(()),
        }
    }
}

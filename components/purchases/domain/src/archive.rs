//! The archive: one object for each change, whose name and bytes follow from the change
//! alone. So a repeated write changes nothing.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::content::Product;
use crate::{Change, Event, Origin, Summary};
use base::Fields;

/// The folder of changes.
pub const CHANGES: &str = "compras";
/// The folder of finished days: each has the lines of its changes in few files.
pub const DAYS: &str = "compras_dia";
/// The folder of records without a place in the archive.
pub const ERRORS: &str = "errors";
/// The media type of all files.
pub const CONTENT_TYPE: &str = "application/json";

/// `metadata.processed_by` of all lines.
const PROCESSED_BY: &str = "orilla-compras";

/// The max bytes of an encoded id in a name. A key of S3 has at most 1,024.
pub const MAX_ID: usize = 400;

/// What may stand in a key as it is.
pub const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// A text as a part of a key: all bytes but `A-Z a-z 0-9 . _ -` are percent-encoded, and
/// so are `.` and `..`, which are no names.
pub fn encoded(text: &str) -> String {
    match text {
        "." | ".." => text.replace('.', "%2E"),
        _ => utf8_percent_encode(text, SAFE).to_string(),
    }
}

/// The id of a purchase as a part of a name. A long one is cut, and ends with a digest.
pub fn encoded_id(id: &str) -> String {
    let encoded = encoded(id);
    if encoded.len() <= MAX_ID {
        return encoded;
    }
    let mut end = MAX_ID;
    // Not inside an escape, `%XX`.
    if let Some(at) = encoded.get(end - 2..end).and_then(|tail| tail.find('%')) {
        end = end - 2 + at;
    }
    let digest = Sha256::digest(id);
    let digest = hex::encode(digest.get(..8).unwrap_or_default());
    format!("{}~{digest}", encoded.get(..end).unwrap_or_default())
}

/// A day of a tenant: the folder of a day's changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// The tenant, encoded.
    pub tenant: String,
    /// The day: `2025-07-13`.
    pub date: String,
}

impl Day {
    /// The folder of the day within another one, with a slash at its end.
    pub fn folder(&self, within: &str) -> String {
        format!("{within}/{}/{}/", self.tenant, self.date.replace('-', "/"))
    }
}

/// The key of a change's object.
///
/// `compras/{tenant}/{YYYY}/{MM}/{DD}/{event}_{id}_{YYYYMMDD}_{HHMMSS}_{suffix}.json`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The tenant and the day of the purchase.
    pub day: Day,
    /// What the change did.
    pub event: Event,
    /// The id of the purchase, encoded.
    pub id: String,
    /// The time of the change: `20250713_103145`.
    pub time: String,
    /// The version, or the place in its stream.
    pub suffix: String,
}

/// A text that is not the key of a change's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be compras/{{tenant}}/{{YYYY}}/{{MM}}/{{DD}}/{{insert|modify|remove}}_{{compra_id}}_{{YYYYMMDD}}_{{HHMMSS}}_{{version or sequence}}.json"
)]
pub struct NoKey;

impl Key {
    /// The key of a change.
    pub fn of(change: &Change) -> Self {
        let time = change.at.to_string();
        let digits: String = time
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(char::from)
            .collect();
        let part = |from, to| digits.get(from..to).unwrap_or_default();
        Self {
            day: Day {
                tenant: encoded(&change.tenant_id),
                date: change.content.fecha.day(),
            },
            event: change.event,
            id: encoded_id(&change.compra_id),
            time: format!("{}_{}", part(0, 8), part(8, 14)),
            suffix: change.suffix(),
        }
    }

    /// Whether it is of the purchase of this id, as it was before encoding.
    pub fn is_of(&self, id: &str) -> bool {
        self.id == encoded_id(id)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            day,
            event,
            id,
            time,
            suffix,
        } = self;
        let event = event.in_name();
        write!(
            f,
            "{}{event}_{id}_{time}_{suffix}.json",
            day.folder(CHANGES)
        )
    }
}

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let parse = || {
            let (folder, name) = text.rsplit_once('/')?;
            let mut folders = folder.split('/');
            (folders.next()? == CHANGES).then_some(())?;
            let tenant = folders.next()?;
            let date = [folders.next()?, folders.next()?, folders.next()?].join("-");
            folders.next().is_none().then_some(())?;
            crate::Fecha::of_day(&date).ok()?;
            // From the right: an id may have `_`.
            let mut parts = name.strip_suffix(".json")?.rsplitn(4, '_');
            let (suffix, clock, day) = (parts.next()?, parts.next()?, parts.next()?);
            let (event, id) = parts.next()?.split_once('_')?;
            let event = Event::ALL.into_iter().find(|own| own.in_name() == event)?;
            let is_digits = |text: &str, length| {
                text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            let is_safe = |text: &str, more: &[u8]| {
                let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
                !text.is_empty() && text.bytes().all(is_safe)
            };
            let is_key = is_digits(day, 8)
                && is_digits(clock, 6)
                && is_safe(tenant, b"._-%")
                && !matches!(tenant, "." | "..")
                && is_safe(id, b"._-%~")
                && is_safe(suffix, b"-");
            is_key.then(|| Self {
                day: Day {
                    tenant: tenant.to_owned(),
                    date,
                },
                event,
                id: id.to_owned(),
                time: format!("{day}_{clock}"),
                suffix: suffix.to_owned(),
            })
        };
        parse().ok_or(NoKey)
    }
}

/// The line of a change, in the seed's order of fields.
#[derive(Serialize)]
struct Line<'a> {
    compra_id: &'a str,
    user_id: &'a str,
    tenant_id: &'a str,
    fecha: String,
    productos: &'a [Product],
    resumen: Summary<'a>,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    otros: &'a Fields,
}

#[derive(Serialize)]
pub(crate) struct Metadata<'a> {
    pub(crate) event_name: Event,
    pub(crate) event_source: &'static str,
    pub(crate) aws_region: &'a str,
    pub(crate) processed_at: String,
    pub(crate) processed_by: &'static str,
    pub(crate) stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<String>,
    pub(crate) event_id: &'a str,
    pub(crate) event_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) removed_by: Option<&'static str>,
}

impl<'a> Metadata<'a> {
    /// The metadata of a line that has no place in the order of changes.
    pub(crate) fn new(
        event: Event,
        source: &'static str,
        settings: &'a crate::Settings,
        event_id: &'a str,
        at: base::Timestamp,
    ) -> Self {
        Self {
            event_name: event,
            event_source: source,
            aws_region: &settings.region,
            processed_at: at.to_string(),
            processed_by: PROCESSED_BY,
            stage: &settings.stage,
            version: None,
            sequence: None,
            event_id,
            event_time: at.to_string(),
            removed_by: None,
        }
    }
}

/// The content of a change's object: one line of JSON and one line feed, for Athena reads
/// one document a line.
///
/// # Errors
/// None known.
pub fn line(change: &Change) -> serde_json::Result<Vec<u8>> {
    let source = change.origin.source();
    let metadata = Metadata {
        version: match change.origin {
            Origin::Orilla { version } => Some(version),
            Origin::Dynamo { .. } => None,
        },
        sequence: Some(change.sequence().to_string()),
        removed_by: change.is_ttl.then_some("ttl"),
        ..Metadata::new(
            change.event,
            source,
            &change.settings,
            &change.event_id,
            change.at,
        )
    };
    in_one_line(&Line {
        compra_id: &change.compra_id,
        user_id: &change.user_id,
        tenant_id: &change.tenant_id,
        fecha: change.content.fecha.to_string(),
        productos: &change.content.productos,
        resumen: Summary::of(&change.content.productos, &change.settings.moneda),
        metadata,
        otros: &change.content.otros,
    })
}

/// A document as a line of its own.
pub(crate) fn in_one_line(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::purchase::tests::purchase;

    fn change() -> Change {
        purchase(Event::Modify).change(2)
    }

    #[test]
    fn a_change_is_one_line_in_the_order_of_the_seed() {
        let line = String::from_utf8(line(&change()).unwrap()).unwrap();
        assert_eq!(
            line,
            concat!(
                r#"{"compra_id":"abc_123","user_id":"ana","tenant_id":"cafe","fecha":"2025-07-13 10:30:00","#,
                r#""productos":[{"codigo":"PROD001","nombre":"Producto Test","precio_unitario":99.99,"cantidad":2}],"#,
                r#""resumen":{"total_productos":1,"total_cantidad":2,"total_precio":199.98,"moneda":"USD"},"#,
                r#""metadata":{"event_name":"MODIFY","event_source":"orilla:compras","aws_region":"us-east-1","#,
                r#""processed_at":"2025-07-13T10:30:46.123Z","processed_by":"orilla-compras","stage":"dev","#,
                r#""version":2,"sequence":"0000000000000000000000000000000000000002","#,
                r#""event_id":"cafe/abc_123:2","event_time":"2025-07-13T10:30:46.123Z"},"#,
                r#""otros":{"nota":"para llevar"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_key_has_the_day_of_the_purchase_and_the_time_of_the_change() {
        let key = Key::of(&change()).to_string();
        let expected = "compras/cafe/2025/07/13/modify_abc_123_20250713_103046_000002.json";
        assert_eq!(key, expected);
        assert!(key.parse::<Key>().unwrap().is_of("abc_123"));
        assert!(!key.parse::<Key>().unwrap().is_of("123"));
    }

    #[test]
    fn ids_and_tenants_of_others_cannot_leave_their_folder() {
        let mut change = change();
        change.tenant_id = "../a b".into();
        change.compra_id = "x/../ñ".into();
        let key = Key::of(&change).to_string();
        let expected =
            "compras/..%2Fa%20b/2025/07/13/modify_x%2F..%2F%C3%B1_20250713_103046_000002.json";
        assert_eq!(key, expected);
        change.tenant_id = "..".into();
        assert!(Key::of(&change).to_string().starts_with("compras/%2E%2E/"));
        for length in [130, 399, 400, 2048] {
            change.compra_id = "ñ".repeat(length);
            let key = Key::of(&change).to_string();
            assert!(
                key.len() < 600 && key.parse() == Ok(Key::of(&change)),
                "{key}"
            );
        }
    }

    #[test]
    fn a_text_that_is_not_a_key_is_refused() {
        for text in [
            "",
            "compras/cafe/2025/07/13/modify_a_20250713_103046_000002",
            "compras/cafe/2025/07/13/upsert_a_20250713_103046_000002.json",
            "compras/cafe/2025/02/30/modify_a_20250713_103046_000002.json",
            "compras/cafe/2025/07/modify_a_20250713_103046_000002.json",
            "compras/cafe/2025/07/13/14/modify_a_20250713_103046_000002.json",
            "compras/../2025/07/13/modify_a_20250713_103046_000002.json",
            "compras//2025/07/13/modify_a_20250713_103046_000002.json",
            "compras/cafe/2025/07/13/modify__20250713_103046_000002.json",
            "compras/cafe/2025/07/13/modify_a_2025713_103046_000002.json",
            "compras/cafe/2025/07/13/modify_a_20250713_103046_.json",
            "compras_dia/cafe/2025/07/13/modify_a_20250713_103046_000002.json",
        ] {
            assert_eq!(text.parse::<Key>(), Err(NoKey), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_as_it_is_written(tenant in ".{1,40}", id in ".{1,300}") {
            let change = Change { tenant_id: tenant, compra_id: id.clone(), ..change() };
            let key = Key::of(&change);
            prop_assert!(key.is_of(&id));
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}

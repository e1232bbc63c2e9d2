//! The archive: one object for each change, whose name and bytes follow from the change
//! alone. So a repeated write changes nothing.

use std::fmt;
use std::str::FromStr;

use base::{Fields, Timestamp};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::content::Product;
use crate::{Change, Event, Origin, Summary};

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
const MAX_ID: usize = 400;

/// The characters that are percent-encoded in a key: all but letters, digits, `.`, `_` and `-`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// A text as a part of a key: all bytes but `A-Z a-z 0-9 . _ -` are percent-encoded, and
/// so are `.` and `..`, which are no names.
pub fn encoded(text: &str) -> String {
    match text {
        "." | ".." => text.replace('.', "%2E"),
        _ => utf8_percent_encode(text, ENCODED).to_string(),
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
        format!("{within}/{self}/")
    }
}

/// As in paths: `{tenant}/{YYYY}/{MM}/{DD}`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.date.replace('-', "/"))
    }
}

impl FromStr for Day {
    type Err = NoKey;

    fn from_str(path: &str) -> Result<Self, NoKey> {
        let (tenant, date) = path.split_once('/').ok_or(NoKey("it has no day"))?;
        is_encoded(tenant)
            .then_some(())
            .ok_or(NoKey("its tenant is not encoded"))?;
        let no_day = NoKey("its day is none, as in 2025/07/13");
        (!date.contains('-')).then_some(()).ok_or(no_day)?;
        let date = date.replace('/', "-");
        crate::Fecha::of_day(&date).map_err(|_| no_day)?;
        Ok(Self {
            tenant: tenant.to_owned(),
            date,
        })
    }
}

/// The key of a change's object.
///
/// `compras/{tenant}/{YYYY}/{MM}/{DD}/{event}_{id}_{YYYYMMDD}_{HHMMSS}_{suffix}.json`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The tenant and the day of the purchase.
    pub day: Day,
    /// The kind of the change.
    pub event: Event,
    /// The id of the purchase, encoded.
    pub id: String,
    /// The time of the change: `20250713_103145`.
    pub time: String,
    /// The version, or the place in its stream.
    pub suffix: String,
}

/// The reason why a text is not the key of a change's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoKey(&'static str);

impl Key {
    /// The key of a change.
    pub fn of(change: &Change) -> Self {
        Self {
            day: Day {
                tenant: encoded(&change.tenant_id),
                date: change.content.fecha.day(),
            },
            event: change.event,
            id: encoded_id(&change.compra_id),
            time: in_name(change.at),
            suffix: change.suffix(),
        }
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

/// A time as in names: `20250713_103145`.
fn in_name(time: Timestamp) -> String {
    let mut name = time.to_string().replace('T', "_");
    name.truncate("2025-07-13_10:31:45".len());
    name.retain(|c| c != '-' && c != ':');
    name
}

/// Whether a text is a time as in names.
fn is_in_name(text: &str) -> bool {
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let [day, month] = [part(6, 8), part(4, 6)];
    let [hour, minute, second] = [part(9, 11), part(11, 13), part(13, 15)];
    let time = format!("{}-{month}-{day}T{hour}:{minute}:{second}Z", part(0, 4));
    time.parse().is_ok_and(|time| in_name(time) == text)
}

/// Reads a key that [`Key::of`] may have made, and no other one.
impl FromStr for Key {
    type Err = NoKey;

    fn from_str(key: &str) -> Result<Self, NoKey> {
        let path = key.strip_prefix(CHANGES);
        let path = path.and_then(|path| path.strip_prefix('/'));
        let path = path.ok_or(NoKey("it is not under compras/"))?;
        let path = path.strip_suffix(".json");
        let path = path.ok_or(NoKey("it does not end in .json"))?;
        let (day, name) = path.rsplit_once('/').ok_or(NoKey("it has no day"))?;
        let day = day.parse()?;
        // From the right: an id may have `_`.
        let mut parts = name.rsplitn(4, '_');
        let (Some(suffix), Some(clock), Some(date), Some((event, id))) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next().and_then(|rest| rest.split_once('_')),
        ) else {
            return Err(NoKey("its name has not five parts"));
        };
        let event = Event::ALL.into_iter().find(|own| own.in_name() == event);
        let event = event.ok_or(NoKey("its event is not insert, modify or remove"))?;
        let time = format!("{date}_{clock}");
        for (holds, problem) in [
            (is_encoded_id(id), "its id is not encoded"),
            (is_in_name(&time), "its time is none, as in 20250713_103145"),
            (
                is_suffix(suffix),
                "it ends in no version and no sequence number",
            ),
        ] {
            holds.then_some(()).ok_or(NoKey(problem))?;
        }
        Ok(Self {
            day,
            event,
            id: id.to_owned(),
            time,
            suffix: suffix.to_owned(),
        })
    }
}

/// Whether [`encoded`] makes this text of another one.
fn is_encoded(text: &str) -> bool {
    let plain = percent_decode_str(text).decode_utf8();
    !text.is_empty() && plain.is_ok_and(|plain| encoded(&plain) == text)
}

/// Whether [`encoded_id`] makes this text of another one.
fn is_encoded_id(text: &str) -> bool {
    let Some((cut, digest)) = text.split_once('~') else {
        return text.len() <= MAX_ID && is_encoded(text);
    };
    // The cut may be within a character.
    let plain: Vec<u8> = percent_decode_str(cut).collect();
    is_hex(digest, 16)
        && (MAX_ID - 2..=MAX_ID).contains(&cut.len())
        && percent_encode(&plain, ENCODED).to_string() == cut
}

/// Whether [`Change::suffix`] makes this text: a version, a sequence number, or a time in its
/// place.
fn is_suffix(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('-') {
        Some((millis, digest)) => millis.len() == 13 && is_digits(millis) && is_hex(digest, 8),
        // Versions alone begin with zeros, and have six digits or more.
        None => {
            let has_zeros = text.len() > 1 && text.starts_with('0');
            !text.is_empty() && is_digits(text) && (text.len() >= 6 || !has_zeros)
        }
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == length && text.bytes().all(is_digit)
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
        assert_eq!(key.parse::<Key>().unwrap().id, "abc_123");
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

    const KEY: &str = "compras/utec/2025/07/13/modify_a_b_20250713_103145_000002.json";

    #[test]
    fn every_part_of_a_key_has_one_form() {
        let long = encoded_id(&"ñ".repeat(300));
        assert_eq!(long.len(), 399 + 1 + 16, "cut between escapes");
        for (part, others) in [
            ("utec", vec!["a%2Fb", "%2E%2E", "_x", "%C3%B1"]),
            ("2025/07/13", vec!["2024/02/29", "1970/01/01"]),
            ("modify", vec!["insert", "remove"]),
            ("a_b", vec!["-", "%2E", "a%20b", "_", "a.b", &long]),
            ("20250713_103145", vec!["20240229_235959"]),
            (
                "000002",
                vec![
                    "1000000",
                    "0",
                    "7",
                    "1752402705123-0a1b2c3d",
                    "21258800000000008186106757",
                ],
            ),
        ] {
            for other in others {
                let key = KEY.replacen(part, other, 1);
                assert_eq!(key.parse::<Key>().unwrap().to_string(), key);
            }
        }
        for (part, others) in [
            ("compras/", vec!["", "compras_dia/", "/compras/"]),
            (
                "utec",
                vec!["", "..", "a/b", "a b", "a%2fb", "%41", "a%", "%FF"],
            ),
            (
                "2025/07/13",
                vec![
                    "2025/7/13",
                    "2025/02/30",
                    "25/07/13",
                    "2025/07",
                    "2025-07-13",
                    "2025/07-13",
                    "2025/07/13/14",
                    "0001/01/01",
                ],
            ),
            ("modify", vec!["MODIFY", "delete", ""]),
            (
                "a_b",
                vec!["", ".", "a/b", "a b", "%2e", "x~0123456789abcdef"],
            ),
            (
                "20250713_103145",
                vec![
                    "20250713",
                    "20250713_250000",
                    "20250713_1031",
                    "2025-07-13_103145",
                ],
            ),
            (
                "000002",
                vec![
                    "",
                    "02",
                    "-1",
                    "v2",
                    "1752402705123-0A1B2C3D",
                    "175240270512-0a1b2c3d",
                ],
            ),
            (".json", vec!["", ".JSON", ".json.gz", ".json/"]),
        ] {
            for other in others {
                let key = KEY.replacen(part, other, 1);
                assert!(key.parse::<Key>().is_err(), "{key}");
            }
        }
        assert!("compras/".parse::<Key>().is_err());
    }

    #[test]
    fn ids_are_encoded_byte_by_byte_and_cut_between_escapes() {
        assert_eq!(encoded("empresa_postman"), "empresa_postman");
        assert_eq!(encoded("a/b~ñ"), "a%2Fb%7E%C3%B1");
        assert_eq!(encoded(".."), "%2E%2E");
        assert_eq!(encoded("..."), "...");
        let id = "x".repeat(400);
        assert_eq!(encoded_id(&id), id);
        for (id, kept) in [
            ("x".repeat(401), 400),
            (format!("{}/y", "x".repeat(397)), 400),
            (format!("{}/y", "x".repeat(398)), 398),
            (format!("{}/y", "x".repeat(399)), 399),
        ] {
            let text = encoded_id(&id);
            let (cut, digest) = text.split_once('~').unwrap();
            assert_eq!((cut.len(), digest.len()), (kept, 16), "{text}");
            assert!(is_encoded_id(&text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_as_it_is_written(tenant in ".{1,40}", id in ".{1,300}") {
            let change = Change { tenant_id: tenant, compra_id: id, ..change() };
            let key = Key::of(&change);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}

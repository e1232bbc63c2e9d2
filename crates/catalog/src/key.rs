//! The grammar of the archive's keys.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use purchases_domain::archive::{MAX_ID, SAFE};
pub(crate) use purchases_domain::archive::{encoded, encoded_id};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, PrimitiveDateTime};

/// The folder of the changes.
pub(crate) const CHANGES: &str = "compras/";

/// The folder of the days.
pub(crate) const DAYS: &str = "compras_dia/";

/// The hex digits of the digest.
const DIGEST_DIGITS: usize = 16;

/// The day in a key.
pub(crate) const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]/[month]/[day]");

/// The time in a key.
pub(crate) const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]_[hour][minute][second]");

/// The key of a change:
/// `compras/{tenant}/{YYYY}/{MM}/{DD}/{event}_{compra_id}_{YYYYMMDD}_{HHMMSS}_{suffix}.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The day of the purchase.
    pub day: Day,
    /// The change: `insert`, `modify` or `remove`.
    pub event: String,
    /// The purchase, encoded by [`encoded_id`].
    pub id: String,
    /// The time of the change, as in `20250713_103045`.
    pub time: String,
    /// What tells changes of one second apart.
    pub suffix: String,
}

/// A tenant and a day, which is a partition of the tables: `{tenant}/{YYYY}/{MM}/{DD}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day {
    /// The tenant, encoded by [`encoded`].
    pub tenant: String,
    /// The day, as in `2025/07/13`.
    pub date: String,
}

/// The reason why a key is not in the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoKey(String);

fn no_key(reason: impl Into<String>) -> NoKey {
    NoKey(reason.into())
}

impl Day {
    /// Its year, as in `2025`.
    pub(crate) fn year(&self) -> &str {
        self.date.split('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.date)
    }
}

impl FromStr for Day {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let (tenant, date) = text
            .split_once('/')
            .ok_or_else(|| no_key("it has no day in its path"))?;
        if !is_encoded(tenant) {
            return Err(no_key(format!("the tenant `{tenant}` is not encoded")));
        }
        if date.len() != "2025/07/13".len() || Date::parse(date, DAY).is_err() {
            return Err(no_key(format!("`{date}` is no day as in 2025/07/13")));
        }
        Ok(Self {
            tenant: tenant.to_owned(),
            date: date.to_owned(),
        })
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
        write!(f, "{CHANGES}{day}/{event}_{id}_{time}_{suffix}.json")
    }
}

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(key: &str) -> Result<Self, NoKey> {
        let (day, name) = folder_and_name(key, CHANGES)?;
        let day = day.parse()?;
        // From the right: an id may contain `_`.
        let mut parts = name.rsplitn(4, '_');
        let (Some(suffix), Some(clock), Some(date), Some(rest)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(no_key("its name has not five parts"));
        };
        let Some((event, id)) = rest.split_once('_') else {
            return Err(no_key("its name has not five parts"));
        };
        if !["insert", "modify", "remove"].contains(&event) {
            return Err(no_key(format!("`{event}` is not insert, modify or remove")));
        }
        if !is_encoded_id(id) {
            return Err(no_key(format!("the id `{id}` is not encoded")));
        }
        let time = format!("{date}_{clock}");
        if time.len() != "20250713_103045".len() || PrimitiveDateTime::parse(&time, TIME).is_err() {
            return Err(no_key(format!("`{time}` is no time as in 20250713_103045")));
        }
        if !is_suffix(suffix) {
            return Err(no_key(format!(
                "`{suffix}` is no version and no sequence number"
            )));
        }
        Ok(Self {
            day,
            event: event.to_owned(),
            id: id.to_owned(),
            time,
            suffix: suffix.to_owned(),
        })
    }
}

/// The day of a key of `compras_dia/`, which ends in `/part-{NNN}.json`.
pub(crate) fn day_of_part(key: &str) -> Result<Day, NoKey> {
    let (day, name) = folder_and_name(key, DAYS)?;
    let number = name.strip_prefix("part-").unwrap_or_default();
    if number.len() < 3 || !is_digits(number) {
        return Err(no_key(format!("`{name}` is not as in part-000")));
    }
    day.parse()
}

/// The partition in which Athena reads an object: it reads all of a partition's folder but
/// hidden ones.
pub(crate) fn partition(key: &str, table: &str) -> Option<Day> {
    let (day, name) = key.strip_prefix(table)?.rsplit_once('/')?;
    let is_read = !name.is_empty() && !name.starts_with(['_', '.']);
    is_read.then(|| day.parse().ok())?
}

/// The path of a key below its table, and its name without `.json`.
fn folder_and_name<'a>(key: &'a str, table: &str) -> Result<(&'a str, &'a str), NoKey> {
    let path = key
        .strip_prefix(table)
        .ok_or_else(|| no_key(format!("it is not under {table}")))?;
    let path = path
        .strip_suffix(".json")
        .ok_or_else(|| no_key("it does not end in .json"))?;
    path.rsplit_once('/')
        .ok_or_else(|| no_key("it has no day in its path"))
}

/// Whether `text` is what [`encoded`] makes of some bytes.
fn is_encoded(text: &str) -> bool {
    let Ok(plain) = percent_decode_str(text).decode_utf8() else {
        return false;
    };
    !text.is_empty() && encoded(&plain) == text
}

/// Whether `text` is what [`encoded_id`] makes of some bytes.
fn is_encoded_id(text: &str) -> bool {
    let Some((cut, digest)) = text.split_once('~') else {
        return text.len() <= MAX_ID && is_encoded(text);
    };
    let is_digest = digest.len() == DIGEST_DIGITS
        && digest
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // The cut may be within a character.
    let plain: Vec<u8> = percent_decode_str(cut).collect();
    let again = percent_encoding::percent_encode(&plain, SAFE).to_string();
    is_digest && (MAX_ID - 2..=MAX_ID).contains(&cut.len()) && again == cut
}

/// A version of at least 6 digits, a sequence number without zeros in front, or what stands
/// for one: see [`is_stand_in`].
fn is_suffix(text: &str) -> bool {
    let number = is_digits(text) && (text.len() >= 6 || text == "0" || !text.starts_with('0'));
    number || is_stand_in(text)
}

/// Whether a suffix stands for a sequence number that a record did not have: 13 digits of
/// milliseconds and 8 hex digits of the record's hash.
pub(crate) fn is_stand_in(suffix: &str) -> bool {
    suffix.split_once('-').is_some_and(|(millis, hash)| {
        millis.len() == 13
            && is_digits(millis)
            && hash.len() == 8
            && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "compras/utec/2025/07/13/modify_a_b_20250713_103145_000002.json";

    #[test]
    fn a_key_is_parsed_from_the_right_and_written_again() {
        let key: Key = KEY.parse().unwrap();
        assert_eq!(
            (key.day.to_string().as_str(), key.event.as_str()),
            ("utec/2025/07/13", "modify")
        );
        assert_eq!(
            (key.id.as_str(), key.time.as_str(), key.suffix.as_str()),
            ("a_b", "20250713_103145", "000002")
        );
        assert_eq!(key.to_string(), KEY);
    }

    #[test]
    fn every_part_of_a_key_has_one_form() {
        let long = encoded_id(&"ñ".repeat(300));
        assert_eq!(long.len(), 399 + 1 + 16, "cut between escapes");
        for (part, others) in [
            ("utec", vec!["a%2Fb", "%2E%2E", "_x", "%C3%B1"]),
            ("2025/07/13", vec!["2024/02/29", "0001/01/01"]),
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
    fn a_day_has_numbered_parts() {
        let day = day_of_part("compras_dia/utec/2025/07/13/part-000.json").unwrap();
        assert_eq!(day.to_string(), "utec/2025/07/13");
        for key in [
            "compras_dia/utec/2025/07/13/part-0.json",
            "compras_dia/utec/2025/07/13/000.json",
            "compras_dia/utec/2025/07/part-000.json",
            "compras/utec/2025/07/13/part-000.json",
        ] {
            assert!(day_of_part(key).is_err(), "{key}");
        }
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
}

//! The set of a URL, as the key-value store keeps it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::set::{Jwk, KeySet, Origin};

/// The key of the record in the key-value store.
pub const KEY: &str = "jwks";

/// The minimum time between two readings of the URL, of all instances together.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// The age from which a set is read again though all tokens name keys of it: so long may
/// a key that the issuer removed be trusted, while the URL answers.
pub const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The set that was read last, and when. It holds as long as no newer one could be read.
///
/// All times count from the Unix epoch.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    url: String,
    /// When the last try began, in milliseconds.
    tried_at: u64,
    /// When the reading began that this set is of, in milliseconds.
    read_at: u64,
    keys: Vec<Jwk>,
}

impl Record {
    /// The record in these bytes, unless they are damaged or of another URL.
    pub fn stored(bytes: &[u8], url: &str) -> Option<Self> {
        let record = serde_json::from_slice::<Self>(bytes).ok()?;
        (record.url == url).then_some(record)
    }

    /// The record of a set, whose reading began at this time.
    pub fn read(url: &str, set: KeySet, began: Duration) -> Self {
        let began = millis(began);
        Self {
            url: url.to_owned(),
            tried_at: began,
            read_at: began,
            keys: set.into_jwks(),
        }
    }

    /// The record after a reading that failed: the old set, or none.
    pub fn not_read(url: &str, old: Option<Self>, began: Duration) -> Self {
        let old = old.unwrap_or_else(|| Self {
            url: url.to_owned(),
            tried_at: 0,
            read_at: 0,
            keys: Vec::new(),
        });
        Self {
            tried_at: millis(began),
            ..old
        }
    }

    /// The set that was read last, or none if none has been read.
    pub fn key_set(&self) -> Option<KeySet> {
        let (set, _) = KeySet::of(self.keys.clone(), Origin::Url);
        (!set.is_empty()).then_some(set)
    }

    /// When the reading began that the set is of.
    pub fn read_at(&self) -> Duration {
        Duration::from_millis(self.read_at)
    }

    /// Whether the URL may be read again: the last try is [`MIN_INTERVAL`] ago, or in the
    /// future of this clock.
    pub fn is_due(&self, now: Duration) -> bool {
        is_past(self.tried_at, MIN_INTERVAL, now)
    }

    /// Whether the set is older than [`MAX_AGE`].
    pub fn is_old(&self, now: Duration) -> bool {
        is_past(self.read_at, MAX_AGE, now)
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Those of serde_json, which has none for texts and numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

fn is_past(millis: u64, time: Duration, now: Duration) -> bool {
    let age = now.checked_sub(Duration::from_millis(millis));
    age.is_none_or(|age| age >= time)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://issuer.example/jwks";
    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x5c":["M"],
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn set() -> KeySet {
        KeySet::parse(SET, Origin::Url).unwrap().0
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_795_330_800 + seconds)
    }

    fn kids(record: &Record) -> usize {
        record
            .key_set()
            .map_or(0, |set| set.named(Some("1")).count())
    }

    #[test]
    fn a_set_is_kept_for_its_url_with_what_counts_of_its_keys() {
        let bytes = Record::read(URL, set(), at(0)).to_bytes().unwrap();
        let record = Record::stored(&bytes, URL).unwrap();
        assert_eq!((kids(&record), record.read_at()), (1, at(0)));
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("x5c"));
        assert!(Record::stored(&bytes, "https://issuer.example/other").is_none());
        assert!(Record::stored(&bytes[1..], URL).is_none());
    }

    #[test]
    fn a_set_outlives_readings_that_fail() {
        let read = Record::read(URL, set(), at(0));
        let failed = Record::not_read(URL, Some(read), at(90));
        assert_eq!((kids(&failed), failed.read_at()), (1, at(0)));
        assert!(!failed.is_due(at(149)));
        assert!(failed.is_due(at(150)));
        let never = Record::not_read(URL, None, at(0));
        assert!(never.key_set().is_none());
        assert!(!never.is_due(at(59)));
        assert!(never.is_old(at(0)));
    }

    #[test]
    fn a_set_is_due_after_a_minute_and_old_after_an_hour() {
        let record = Record::read(URL, set(), at(0));
        assert!(!record.is_due(at(59)));
        assert!(record.is_due(at(60)));
        assert!(!record.is_old(at(3599)));
        assert!(record.is_old(at(3600)));
        // A clock that was wrong does not stop readings for ever.
        let wrong = Record::read(URL, set(), at(7200));
        assert!(wrong.is_due(at(0)) && wrong.is_old(at(0)));
    }
}

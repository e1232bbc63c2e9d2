//! The key set of a URL: verifies with the set that is kept, and has it read again when a
//! newer one may have the token's key.

use std::time::Duration;

use jwks::{KeySet, Record};

use crate::config::Keys;
use crate::verify::{Denial, LEEWAY_SECONDS, Principal};

/// The store of the set, and the component that reads the URL into it.
pub trait Shelf {
    /// The record that is kept, if there is one of this URL.
    ///
    /// # Errors
    /// Why the store cannot be read.
    fn kept(&self) -> Result<Option<Record>, String>;

    /// Asks for a reading of the URL, and returns when a record has its outcome. Where the
    /// last minute had a reading, nothing is read.
    ///
    /// # Errors
    /// The reason why the reader did not answer.
    fn read_again(&self) -> Result<(), String>;
}

/// Verifies a token with the set on the shelf. That takes one read of the store, unless no
/// key of the set is the token's or the set is older than an hour; then the URL is read,
/// at most once a minute. The set holds while the URL cannot be read.
///
/// # Errors
/// Those of `verify`. [`Denial::Unavailable`] where there is no set yet, and for a token of
/// an unknown key while the set may be older than the token: the issuer may have begun to
/// sign with another key.
pub fn authorize(
    shelf: &impl Shelf,
    now: Duration,
    verify: impl Fn(&Keys) -> Result<Principal, Denial>,
) -> Result<Principal, Denial> {
    let mut look = Look::at(shelf, &verify)?;
    let is_doubtful = match &look.judged {
        None | Some(Err(Denial::UnknownKey { .. })) => true,
        Some(_) => look
            .record
            .as_ref()
            .is_some_and(|record| record.is_old(now)),
    };
    let mut trouble = None;
    if is_doubtful && look.record.as_ref().is_none_or(|record| record.is_due(now)) {
        trouble = shelf.read_again().err();
        look = Look::at(shelf, &verify)?;
    }
    match (look.judged, look.record) {
        (Some(Err(Denial::UnknownKey { reason, issued_at })), Some(record)) => {
            if is_newer(record.read_at(), issued_at, now) {
                Err(Denial::Invalid(reason))
            } else {
                Err(unavailable(
                    "the token names a key that the last set of `jwt_jwks_url` does not have, \
                     and it cannot be read again yet",
                    trouble,
                ))
            }
        }
        (Some(judged), _) => judged,
        (None, _) => Err(unavailable(
            "no set of `jwt_jwks_url` could be read yet: the log of jwks-reader has the reason",
            trouble,
        )),
    }
}

/// The record of the store, and the verdict on the token by its set.
struct Look {
    record: Option<Record>,
    judged: Option<Result<Principal, Denial>>,
}

impl Look {
    fn at(
        shelf: &impl Shelf,
        verify: impl Fn(&Keys) -> Result<Principal, Denial>,
    ) -> Result<Self, Denial> {
        let record = shelf.kept().map_err(Denial::Unavailable)?;
        let set: Option<KeySet> = record.as_ref().and_then(Record::key_set);
        Ok(Self {
            record,
            judged: set.map(|set| verify(&Keys::Set(set))),
        })
    }
}

/// Whether a set has every key that a token of this time may be signed with: issuers
/// publish a key before they sign with it. Without a time, the token may be as new as the
/// request.
fn is_newer(read_at: Duration, issued_at: Option<i64>, now: Duration) -> bool {
    let issued_at = issued_at.and_then(|time| u64::try_from(time).ok());
    let issued_at = issued_at.map(|time| time.saturating_add(LEEWAY_SECONDS.unsigned_abs()));
    // A record counts milliseconds.
    read_at.as_millis() >= now.as_millis()
        || issued_at.is_some_and(|time| read_at >= Duration::from_secs(time))
}

fn unavailable(text: &str, trouble: Option<String>) -> Denial {
    Denial::Unavailable(match trouble {
        Some(trouble) => format!("{text}: {trouble}"),
        None => text.to_owned(),
    })
}

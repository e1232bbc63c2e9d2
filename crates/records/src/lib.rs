//! Documents that change, kept as immutable versions in a key-value store.
//!
//! 1. Version *n* of the document `a` has the key `a:v:n`. It is always written with the
//!    same bytes, so a second or late writer of it does no harm.
//! 2. The commit in Redis (crate `queue`) decides which version is next. A version is
//!    written only after its commit.
//! 3. The key `a` holds a copy of one version, at which readers start: an even version, or
//!    the one that [`point`] or [`annotate`] chose. Odd versions are written without it, which saves a
//!    write that waits for a disk or a network.
//! 4. A reader starts at `a`, or at `a:v:1` if `a` is missing, and reads the following
//!    versions until one is missing.
//! 5. A forgotten version leaves a marker without a document under its key. So readers find
//!    the versions after it, and [`repair`] does not store it again.
//! 6. Each commit publishes a message that carries the version. If the writer dies before
//!    it stores the version, a worker stores it from the message.
//! 7. The copy under `a` may have an annotation: a fact about its version that is final, and
//!    that readers would have to ask Redis for ([`annotate`]).
//!
//! After three changes of `a` the store holds:
//!
//! | key | holds |
//! |---|---|
//! | `a:v:1` | version 1 |
//! | `a:v:2` | version 2 |
//! | `a:v:3` | version 3, the latest: found from `a` by one more read |
//! | `a` | version 2 |

mod change;
mod decide;
mod forget;
mod history;
mod list;
mod numbered;
mod search;
mod update;

use base::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stores::KeyValue;

pub use change::{change, first};
pub use decide::{Decision, Existing, Owned, Refusal, Request, post, put};
pub use forget::forget_before;
pub use history::{History, HistoryQuery, ReadQuery, history};
pub use list::{Entries, Page, Place, Slice, entries, list};
pub use numbered::{Numbered, numbered};
pub use search::{Found, Reach, search};
pub use update::{
    Carries, Document, Entity, GroupMessage, Received, Step, committed, edit, index_changes,
    remove, update,
};

/// A version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<D> {
    /// The number of the version, from 1; each change raises it by one.
    pub version: u64,
    /// The document.
    pub document: D,
}

/// A version and its annotation.
#[derive(Clone, Debug)]
pub struct Annotated<D> {
    /// The version.
    pub versioned: Versioned<D>,
    /// A JSON value, if [`annotate`] gave one.
    pub annotation: Option<Box<RawValue>>,
}

/// A version as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored<D> {
    version: u64,
    /// `None` for a forgotten version.
    document: Option<D>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotation: Option<Box<RawValue>>,
}

/// The latest stored version of the document `key`, or `None` if there is none.
///
/// # Errors
/// [`Failure::Unavailable`] where the store is out of reach, [`Failure::Internal`] where
/// it holds a document that cannot be read.
pub fn latest<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
) -> Result<Option<Versioned<D>>, Failure> {
    Ok(latest_annotated(store, key)?.map(|latest| latest.versioned))
}

/// The version that [`latest`] returns, with its annotation.
///
/// # Errors
/// Those of [`latest`].
pub fn latest_annotated<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
) -> Result<Option<Annotated<D>>, Failure> {
    let mut latest = None;
    let mut next = match read(store, key)? {
        None => read(store, &version_key(key, 1))?,
        known => known,
    };
    while let Some(stored) = next {
        let version = stored.version;
        if let Some(document) = stored.document {
            latest = Some(Annotated {
                versioned: Versioned { version, document },
                annotation: stored.annotation,
            });
        }
        next = read(store, &version_key(key, version.saturating_add(1)))?;
    }
    Ok(latest)
}

/// One version of the document `key`, or `None` if it is not stored or was forgotten.
///
/// # Errors
/// Those of [`latest`].
pub fn version<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
    version: u64,
) -> Result<Option<Versioned<D>>, Failure> {
    let stored = read(store, &version_key(key, version))?;
    Ok(stored.and_then(|stored: Stored<D>| {
        let version = stored.version;
        stored
            .document
            .map(|document| Versioned { version, document })
    }))
}

/// Stores a committed version. A repetition changes nothing.
///
/// # Errors
/// The store is out of reach.
pub fn write<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    versioned: &Versioned<D>,
) -> Result<(), Failure> {
    let bytes = encode(key, versioned)?;
    store.set(&version_key(key, versioned.version), &bytes)?;
    if versioned.version.is_multiple_of(2) {
        store.set(key, &bytes)?;
    }
    Ok(())
}

/// Lets readers start at a stored version, even or odd, and so never at one before it.
///
/// # Errors
/// The store is out of reach.
pub fn point<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    versioned: &Versioned<D>,
) -> Result<(), Failure> {
    store.set(key, &encode(key, versioned)?)
}

/// Lets readers start at a stored version and find an annotation there: a fact about this
/// version that never changes. [`latest_annotated`] returns it as long as the version is the
/// latest one. It may be lost, and then be given again.
///
/// For documents that keep their history and are never removed: a slow caller may write a
/// version that others have forgotten meanwhile.
///
/// # Errors
/// The store is out of reach.
pub fn annotate<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    versioned: &Versioned<D>,
    annotation: &impl Serialize,
) -> Result<(), Failure> {
    let annotation = serde_json::value::to_raw_value(annotation);
    let stored = Stored {
        version: versioned.version,
        document: Some(&versioned.document),
        annotation: Some(annotation.map_err(|error| unreadable(key, error))?),
    };
    store.set(key, &encode(key, &stored)?)
}

/// Removes the document of a version from the store. The version must not be the latest,
/// and is missing from the document's history then.
///
/// # Errors
/// The store is out of reach.
pub fn forget(store: &impl KeyValue, key: &str, version: u64) -> Result<(), Failure> {
    let marker = Stored::<()> {
        version,
        document: None,
        annotation: None,
    };
    let key = version_key(key, version);
    store.set(&key, &encode(&key, &marker)?)
}

/// Stores a committed version if its writer did not, and returns whether it was missing.
///
/// # Errors
/// The store is out of reach.
pub fn repair<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    versioned: &Versioned<D>,
) -> Result<bool, Failure> {
    if store.exists(&version_key(key, versioned.version))? {
        return Ok(false);
    }
    store.set(
        &version_key(key, versioned.version),
        &encode(key, versioned)?,
    )?;
    Ok(true)
}

fn version_key(key: &str, version: u64) -> String {
    format!("{key}:v:{version}")
}

fn read<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
) -> Result<Option<Stored<D>>, Failure> {
    store
        .get(key)?
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|error| unreadable(key, error)))
        .transpose()
}

fn encode(key: &str, stored: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(stored).map_err(|error| unreadable(key, error))
}

fn unreadable(key: &str, error: serde_json::Error) -> Failure {
    Failure::internal(format!("the document at {key} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stores::MemoryKeyValue;

    use super::*;

    fn version(version: u64) -> Versioned<String> {
        Versioned {
            version,
            document: format!("text {version}"),
        }
    }

    #[test]
    fn the_last_written_version_is_read() {
        let store = MemoryKeyValue::default();
        assert_eq!(latest::<String>(&store, "a").unwrap(), None);
        for n in 1..=3 {
            write(&store, "a", &version(n)).unwrap();
            assert_eq!(latest(&store, "a").unwrap(), Some(version(n)));
        }
        assert_eq!(latest::<String>(&store, "b").unwrap(), None);
    }

    #[test]
    fn a_late_writer_does_not_hide_a_newer_version() {
        let store = MemoryKeyValue::default();
        for n in [1, 2, 3] {
            write(&store, "a", &version(n)).unwrap();
        }
        write(&store, "a", &version(2)).unwrap();
        assert_eq!(latest(&store, "a").unwrap(), Some(version(3)));
        write(&store, "a", &version(4)).unwrap();
        write(&store, "a", &version(2)).unwrap();
        assert_eq!(latest(&store, "a").unwrap(), Some(version(4)));
    }

    #[test]
    fn a_version_whose_writer_died_is_repaired_once_and_then_read() {
        let store = MemoryKeyValue::default();
        write(&store, "a", &version(1)).unwrap();
        assert!(repair(&store, "a", &version(2)).unwrap());
        assert!(!repair(&store, "a", &version(2)).unwrap());
        assert_eq!(latest(&store, "a").unwrap(), Some(version(2)));
    }

    #[test]
    fn a_first_version_whose_writer_died_is_found_without_a_pointer() {
        let store = MemoryKeyValue::default();
        repair(&store, "a", &version(1)).unwrap();
        assert_eq!(latest(&store, "a").unwrap(), Some(version(1)));
    }

    #[test]
    fn a_forgotten_version_leaves_the_latest_as_it_is() {
        let store = MemoryKeyValue::default();
        for n in 1..=3 {
            write(&store, "a", &version(n)).unwrap();
        }
        forget(&store, "a", 1).unwrap();
        let left = store.get("a:v:1").unwrap().unwrap();
        assert!(!String::from_utf8(left).unwrap().contains("text"));
        assert_eq!(latest(&store, "a").unwrap(), Some(version(3)));
        // Readers start at version 2 until `point` chooses another.
        forget(&store, "a", 2).unwrap();
        point(&store, "a", &version(3)).unwrap();
        let first = store.get("a").unwrap().unwrap();
        assert!(!String::from_utf8(first).unwrap().contains("text 2"));
        assert_eq!(latest(&store, "a").unwrap(), Some(version(3)));
    }

    #[test]
    fn a_late_writer_does_not_hide_newer_versions_of_which_some_are_forgotten() {
        let store = MemoryKeyValue::default();
        for n in 1..=4 {
            write(&store, "a", &version(n)).unwrap();
        }
        forget(&store, "a", 2).unwrap();
        forget(&store, "a", 3).unwrap();
        write(&store, "a", &version(2)).unwrap();
        assert_eq!(latest(&store, "a").unwrap(), Some(version(4)));
    }

    #[test]
    fn a_forgotten_version_is_not_repaired() {
        let store = MemoryKeyValue::default();
        for n in 1..=3 {
            write(&store, "a", &version(n)).unwrap();
        }
        forget(&store, "a", 1).unwrap();
        assert!(!repair(&store, "a", &version(1)).unwrap());
        let left = store.get("a:v:1").unwrap().unwrap();
        assert!(!String::from_utf8(left).unwrap().contains("text"));
    }

    #[test]
    fn an_annotation_is_read_with_its_version_and_with_no_other() {
        let store = MemoryKeyValue::default();
        let read = || latest_annotated::<String>(&store, "a").unwrap().unwrap();
        let noted = |n: u64| json!({"of": n});
        write(&store, "a", &version(1)).unwrap();
        assert!(read().annotation.is_none());
        for n in 1..=3 {
            write(&store, "a", &version(n)).unwrap();
            let annotation = read().annotation;
            assert!(annotation.is_none(), "{n}: that of the version before");
            annotate(&store, "a", &version(n), &noted(n)).unwrap();
            let Annotated {
                versioned,
                annotation,
            } = read();
            assert_eq!(versioned, version(n));
            assert_eq!(annotation.unwrap().get(), noted(n).to_string());
            assert_eq!(super::latest(&store, "a").unwrap(), Some(version(n)));
        }
        // A reader that was slow.
        annotate(&store, "a", &version(2), &noted(2)).unwrap();
        assert_eq!(read().versioned, version(3));
        assert!(read().annotation.is_none());
        let kept = store.get("a:v:2").unwrap().unwrap();
        assert!(!String::from_utf8(kept).unwrap().contains("annotation"));
    }

    #[test]
    fn spoiled_bytes_are_an_error_and_not_an_absence() {
        let store = MemoryKeyValue::default();
        store.set("a", b"{").unwrap();
        assert!(matches!(
            latest::<String>(&store, "a"),
            Err(Failure::Internal(_))
        ));
    }
}

//! Documents that change, kept as immutable versions in a key-value store.
//!
//! 1. Version *n* of the document `a` is the key `a:v:n`. It is written once, and always
//!    with the same bytes, so two writers of one version do no harm, and neither does a
//!    late one.
//! 2. Which version comes next is decided by the commit in Redis (crate `queue`). A version
//!    is written only after it was committed.
//! 3. The key `a` holds a copy of a version that is a start for readers: the latest even
//!    one that its writer knew of, or the one that [`point`] chose. Odd versions leave it as
//!    it is, for most stores wait for a disk or a network at each write.
//! 4. A reader begins at `a`, or at `a:v:1` where there is none, and goes on to the next
//!    version until there is none.
//! 5. A version that is forgotten leaves a marker without a document under its key, so that
//!    readers find their way past it and [`repair`] does not bring it back.
//! 6. Each commit publishes a message that carries the version. A worker stores from it what
//!    a writer that died did not.
//!
//! After three changes of `a` the store holds:
//!
//! | key | holds |
//! |---|---|
//! | `a:v:1` | version 1 |
//! | `a:v:2` | version 2 |
//! | `a:v:3` | version 3, the latest: found from `a` by one more read |
//! | `a` | version 2 |

mod list;
mod update;

use base::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stores::KeyValue;

pub use list::{Page, Place, list};
pub use update::{
    Carries, Document, Entity, GroupMessage, Step, committed, index_changes, repair_from, update,
};

/// A document and which version of it this is, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<D> {
    /// The version; each change raises it by one.
    pub version: u64,
    /// The document itself.
    pub document: D,
}

/// What is stored of a version.
#[derive(Serialize, Deserialize)]
struct Stored<D> {
    version: u64,
    /// None of a version that was forgotten.
    document: Option<D>,
}

/// The latest version of the entity `key`, or `None` where there is none.
pub fn latest<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
) -> Result<Option<Versioned<D>>, Failure> {
    let mut latest = None;
    let mut next = match read(store, key)? {
        None => read(store, &version_key(key, 1))?,
        known => known,
    };
    while let Some(Stored { version, document }) = next {
        if let Some(document) = document {
            latest = Some(Versioned { version, document });
        }
        next = read(store, &version_key(key, version.saturating_add(1)))?;
    }
    Ok(latest)
}

/// A version of the entity `key`, or `None` where it is not stored or forgotten.
pub fn version<D: DeserializeOwned>(
    store: &impl KeyValue,
    key: &str,
    version: u64,
) -> Result<Option<Versioned<D>>, Failure> {
    let stored = read(store, &version_key(key, version))?;
    Ok(stored.and_then(|Stored { version, document }| {
        document.map(|document| Versioned { version, document })
    }))
}

/// Stores a committed version. Doing it again changes nothing.
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

/// Has readers start at a version that is stored, even or not: they find nothing
/// of those before it any more.
pub fn point<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    versioned: &Versioned<D>,
) -> Result<(), Failure> {
    Ok(store.set(key, &encode(key, versioned)?)?)
}

/// Forgets the document of a version. Only for documents whose history nobody
/// asks for, and only versions that are not the latest.
pub fn forget(store: &impl KeyValue, key: &str, version: u64) -> Result<(), Failure> {
    let marker = Stored::<()> {
        version,
        document: None,
    };
    let key = version_key(key, version);
    Ok(store.set(&key, &encode(&key, &marker)?)?)
}

/// Stores a committed version if its writer did not come to it.
///
/// Returns whether anything was missing.
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
    use stores::MemoryKeyValue;

    use super::*;

    fn version(version: u64) -> Versioned<String> {
        Versioned {
            version,
            document: format!("text {version}"),
        }
    }

    #[test]
    fn what_was_written_last_is_read() {
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
        // What is read first is of version 2 and forgotten only by this.
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
    fn what_was_forgotten_is_not_repaired() {
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
    fn spoiled_bytes_are_an_error_and_not_an_absence() {
        let store = MemoryKeyValue::default();
        store.set("a", b"{").unwrap();
        assert!(matches!(
            latest::<String>(&store, "a"),
            Err(Failure::Internal(_))
        ));
    }
}

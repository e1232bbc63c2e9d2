//! Removes versions that must not be read any more.

use base::Failure;
use serde::Serialize;
use stores::KeyValue;

use crate::{Versioned, forget, point};

/// Removes the documents of the versions of the document `key` before `latest`, which is
/// committed and stored, but for the `kept` versions just before it: readers may be about to
/// read them.
///
/// # Errors
/// The store is out of reach: call it again.
pub fn forget_before<D: Serialize>(
    store: &impl KeyValue,
    key: &str,
    latest: &Versioned<D>,
    kept: u64,
) -> Result<(), Failure> {
    // The pointer of readers may lead to a version that is removed here.
    point(store, key, latest)?;
    let first = latest.version.saturating_sub(kept);
    (1..first).try_for_each(|old| forget(store, key, old))
}

#[cfg(test)]
mod tests {
    use stores::MemoryKeyValue;

    use super::*;
    use crate::{latest, repair, version, write};

    fn versioned(version: u64, document: &str) -> Versioned<String> {
        let document = document.to_owned();
        Versioned { version, document }
    }

    #[test]
    fn versions_before_the_latest_are_forgotten_and_readers_start_behind_them() {
        let store = MemoryKeyValue::default();
        for (number, document) in [(1, "a secret"), (2, "a secret"), (3, "gone")] {
            write(&store, "a", &versioned(number, document)).unwrap();
        }
        // The last version is odd, so the pointer does not name it.
        let last: Versioned<String> = latest(&store, "a").unwrap().unwrap();
        forget_before(&store, "a", &last, 0).unwrap();
        for key in ["a", "a:v:1", "a:v:2"] {
            let stored = String::from_utf8(store.get(key).unwrap().unwrap()).unwrap();
            assert!(!stored.contains("a secret"), "{key}: {stored}");
        }
        assert_eq!(latest(&store, "a").unwrap(), Some(last));
    }

    #[test]
    fn versions_that_readers_may_be_about_to_read_stay() {
        let store = MemoryKeyValue::default();
        for number in 1..=3 {
            // Committed and stored by a worker, since the writer died.
            assert!(repair(&store, "a", &versioned(number, "x")).unwrap());
        }
        let last: Versioned<String> = latest(&store, "a").unwrap().unwrap();
        forget_before(&store, "a", &last, 1).unwrap();
        let is_there = |number| version::<String>(&store, "a", number).unwrap().is_some();
        assert_eq!([1, 2, 3].map(is_there), [false, true, true]);
    }
}

//! Records, from one version to the next.

use base::Trace;
use images_domain::{FileName, ImageRecord, Message, SCHEMA, keys};
use queue::{Change, Queue};
use records::{Entity, Versioned};
use stores::{KeyValue, Redis};

/// Where a photo's record is kept.
pub(crate) fn entity(file: &FileName) -> Entity {
    Entity {
        key: keys::record(file),
        register: keys::version(file),
    }
}

/// The latest version of a photo's record.
pub fn load(
    store: &impl KeyValue,
    file: &FileName,
) -> Result<Option<Versioned<ImageRecord>>, base::Failure> {
    records::latest(store, &keys::record(file))
}

/// The latest version of a photo's record, and no earlier one: for what is not
/// decided anew should the record turn out to be another.
///
/// # Errors
/// [`base::Failure::Behind`] where its writer has not stored it yet.
pub fn load_committed(
    redis: &impl Redis,
    store: &impl KeyValue,
    file: &FileName,
) -> Result<Option<Versioned<ImageRecord>>, base::Failure> {
    records::committed(redis, store, &entity(file))
}

/// Stores a committed version whose writer may have died before it did.
pub fn repair(
    store: &impl KeyValue,
    file: &FileName,
    version: u64,
    document: ImageRecord,
) -> Result<bool, base::Failure> {
    records::repair(store, &keys::record(file), &Versioned { version, document })
}

/// Forgets what a record was before `latest`, its latest version. Of a photo that
/// is there the version before stays, for readers that are on their way from it.
pub fn forget_history(
    store: &impl KeyValue,
    file: &FileName,
    latest: &Versioned<ImageRecord>,
) -> Result<(), base::Failure> {
    let key = keys::record(file);
    // What readers start at may be what is to be forgotten.
    records::point(store, &key, latest)?;
    let kept = u64::from(!latest.document.is_deleted());
    let first = latest.version.saturating_sub(kept);
    (1..first).try_for_each(|old| records::forget(store, &key, old))
}

/// Puts objects that were stored on the queue, all of them or none.
pub fn announce(
    queue: &Queue<'_, impl Redis>,
    uploads: impl IntoIterator<Item = (FileName, Option<u64>, Option<String>)>,
    trace: &Trace,
) -> Result<(), base::Failure> {
    let mut change = Change::new();
    for (file, size, etag) in uploads {
        let message = Message::Uploaded {
            schema: SCHEMA,
            trace: trace.clone(),
            file: file.to_string(),
            size,
            etag,
        };
        change = change.publishing(serde_json::to_vec(&message)?);
    }
    queue.commit(&change)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use images_domain::{Intake, Status};
    use serde_json::json;
    use stores::MemoryKeyValue;

    use super::*;

    /// A version that was committed and that its writer did not come to store.
    fn left_behind(store: &MemoryKeyValue, file: &FileName, version: u64, record: &ImageRecord) {
        assert!(repair(store, file, version, record.clone()).unwrap());
    }

    #[test]
    fn nothing_is_kept_of_the_earlier_lives_of_a_photo() {
        let store = MemoryKeyValue::default();
        let announced = |existing, content| {
            let intake = Intake::parse(&json!({
                "image_hash": "0".repeat(64), "content_type": "image/png",
                "post_id": 1, "user_id": 456, "picture_id": 789,
                "post": {"trip_id": 3, "location_id": 5, "content": content}
            }));
            let record = ImageRecord::receive(existing, &intake.unwrap(), "t");
            record.unwrap().unwrap()
        };
        let other = MemoryKeyValue::default();
        let first = announced(None, "a secret");
        let file = first.file_name.parse().unwrap();
        left_behind(&store, &file, 1, &first);
        let tombstone = first.removed(None, "t").unwrap();
        left_behind(&store, &file, 2, &tombstone);
        let back = announced(Some(&tombstone), "once more");
        left_behind(&store, &file, 3, &back);

        // The tombstone is odd, so it does not lead readers by itself.
        let key = keys::record(&file);
        for (version, document) in [(1, &first), (2, &first), (3, &tombstone)] {
            let document = document.clone();
            records::write(&other, &key, &Versioned { version, document }).unwrap();
        }
        let latest = load(&other, &file).unwrap().unwrap();
        forget_history(&other, &file, &latest).unwrap();
        let led_by = String::from_utf8(other.get(&key).unwrap().unwrap()).unwrap();
        assert!(!led_by.contains("a secret"), "{led_by}");

        let latest = load(&store, &file).unwrap().unwrap();
        assert_eq!((latest.version, &latest.document), (3, &back));
        forget_history(&store, &file, &latest).unwrap();
        let stored = |version| {
            let key = format!("{}:v:{version}", keys::record(&file));
            String::from_utf8(store.get(&key).unwrap().unwrap()).unwrap()
        };
        assert!(!stored(1).contains("a secret"));
        assert!(stored(2).contains("deleted"), "readers may be there");
        let latest = load(&store, &file).unwrap().unwrap();
        assert_eq!(latest.document.status, Status::Waiting);
    }
}

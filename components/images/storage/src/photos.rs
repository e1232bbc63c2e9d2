//! Records, and messages for uploads.

use base::{Failure, Trace};
use images_domain::{FileName, ImageRecord, Uploaded, keys};
use queue::{Change, Message, Queue};
use records::{Step, Versioned};
use stores::{KeyValue, Redis, SpinKeyValue, SpinRedis};

/// The latest version of a photo's record.
///
/// # Errors
/// The store is out of reach.
pub fn load(
    store: &impl KeyValue,
    file: &FileName,
) -> Result<Option<Versioned<ImageRecord>>, Failure> {
    records::latest(store, &keys::entity(file).key)
}

/// Removes the versions of a record before `latest`. The last version before it stays
/// unless the photo is removed, for readers that are about to read it.
pub fn forget_history(
    store: &impl KeyValue,
    file: &FileName,
    latest: &Versioned<ImageRecord>,
) -> Result<(), Failure> {
    let key = keys::entity(file).key;
    // The pointer of readers may lead to a version that is removed here.
    records::point(store, &key, latest)?;
    let kept = u64::from(!latest.document.is_deleted());
    let first = latest.version.saturating_sub(kept);
    (1..first).try_for_each(|old| records::forget(store, &key, old))
}

/// The record of a photo that is not removed.
///
/// # Errors
/// Those of [`load`].
pub fn existing(file: &FileName) -> Result<Option<ImageRecord>, Failure> {
    let record = load(&SpinKeyValue::open()?, file)?.map(|record| record.document);
    Ok(record.filter(|record| !record.is_deleted()))
}

/// Takes the step that `decide` returns for the record of a photo: [`records::update`].
pub fn update<E: From<Failure>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    file: &FileName,
    trace: &Trace,
    mut decide: impl FnMut(Option<&ImageRecord>) -> Result<Step<ImageRecord>, E>,
) -> Result<Option<ImageRecord>, E> {
    let record = records::update(queue, store, &keys::entity(file), trace, |record| {
        let (version, record) = match record {
            Some(Versioned { version, document }) => (*version, Some(document)),
            None => (0, None),
        };
        let step = decide(record)?;
        let told = step
            .next
            .as_ref()
            .map(|next| crate::occurred::occurred(record, next, version.saturating_add(1), trace));
        let told = told.transpose()?.flatten();
        Ok::<_, E>(told.into_iter().fold(step, Step::with))
    })?;
    Ok(record.map(|record| record.document))
}

/// Does the same with the platform's stores, and notifies a worker.
pub async fn change<E: From<Failure>>(
    file: &FileName,
    trace: &Trace,
    mut decide: impl FnMut(&Queue<'_, SpinRedis>, Option<&ImageRecord>) -> Result<Step<ImageRecord>, E>,
) -> Result<Option<ImageRecord>, E> {
    let (redis, store) = (SpinRedis::open()?, SpinKeyValue::open()?);
    let queue = worker::open(&redis, keys::QUEUE)?;
    let record = update(&queue, &store, file, trace, |record| decide(&queue, record));
    // Also if the record could not be stored: a worker then stores it.
    worker::notify(&queue, trace).await;
    record
}

/// Puts stored objects on the queue, all of them or none, and notifies a worker.
pub async fn announce(uploads: &[Uploaded], trace: &Trace) -> Result<(), Failure> {
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let mut change = Change::new();
    for upload in uploads {
        change = change.publishing(upload.encode(trace)?);
    }
    queue.commit(&change)?;
    worker::notify(&queue, trace).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use images_domain::{Intake, Status, UserIds};
    use serde_json::json;
    use stores::MemoryKeyValue;

    use super::*;

    /// A version that was committed and not stored, since its writer died.
    fn left_behind(store: &MemoryKeyValue, file: &FileName, version: u64, record: &ImageRecord) {
        let document = record.clone();
        let key = keys::entity(file).key;
        assert!(records::repair(store, &key, &Versioned { version, document }).unwrap());
    }

    #[test]
    fn nothing_is_kept_of_the_earlier_lives_of_a_photo() {
        let store = MemoryKeyValue::default();
        let announced = |existing, content| {
            let intake = Intake::parse(
                &json!({
                    "image_hash": "0".repeat(64), "content_type": "image/png",
                    "post_id": 1, "user_id": 456, "picture_id": 789,
                    "post": {"trip_id": 3, "location_id": 5, "content": content}
                }),
                UserIds::Integer,
            );
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

        // The tombstone's version is odd, so the pointer does not name it.
        let key = keys::entity(&file).key;
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
            let key = format!("{}:v:{version}", keys::entity(&file).key);
            String::from_utf8(store.get(&key).unwrap().unwrap()).unwrap()
        };
        assert!(!stored(1).contains("a secret"));
        assert!(stored(2).contains("deleted"), "readers may be there");
        let latest = load(&store, &file).unwrap().unwrap();
        assert_eq!(latest.document.status, Status::Waiting);
    }
}

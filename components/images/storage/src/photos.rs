//! Records, and messages for the workers.

use std::time::Duration;

use base::{Failure, Trace};
use images_domain::{FileName, ImageRecord, Status, Uploaded, WantThumbnails, keys};
use queue::{Change, Message, Once, Queue};
use records::{Page, Place, Slice, Step, Versioned};
use stores::{KeyValue, Redis, SpinKeyValue};

/// The time for which a photo's thumbnails are wanted by one message.
const WANTED: Duration = Duration::from_secs(60);

/// The latest version of a photo's record.
///
/// # Errors
/// The store is out of reach.
pub fn load(store: &impl KeyValue, file: &FileName) -> Result<Option<ImageRecord>, Failure> {
    let latest = records::latest(store, &keys::entity(file).key)?;
    Ok(latest.map(|Versioned { document, .. }| document))
}

/// The record of a photo that is not removed.
///
/// # Errors
/// Those of [`load`].
pub fn existing(file: &FileName) -> Result<Option<ImageRecord>, Failure> {
    let record = load(&SpinKeyValue::open()?, file)?;
    Ok(record.filter(|record| !record.is_deleted()))
}

/// Changes the record of a photo, if there is one: [`records::edit`].
///
/// # Errors
/// Those of [`records::edit`].
pub fn edit(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    file: &FileName,
    trace: &Trace,
    decide: impl FnMut(&ImageRecord) -> Result<Option<ImageRecord>, Failure>,
) -> Result<Option<ImageRecord>, Failure> {
    let latest = records::edit(queue, store, &keys::entity(file), trace, decide)?;
    Ok(latest.map(|latest| latest.document))
}

/// Takes the step that `decide` returns for the record of a photo ([`records::update`]), with
/// the platform's stores, and notifies a worker.
///
/// # Errors
/// Those of [`records::update`].
pub async fn change<E: From<Failure>>(
    file: &FileName,
    trace: &Trace,
    mut decide: impl FnMut(Option<&ImageRecord>) -> Result<Step<ImageRecord>, E>,
) -> Result<Option<ImageRecord>, E> {
    let store = SpinKeyValue::open()?;
    let latest = worker::publish(keys::QUEUE, trace, |queue| {
        records::update(queue, &store, &keys::entity(file), trace, |latest| {
            decide(latest.map(|latest| &latest.document))
        })
    })
    .await?;
    Ok(latest.map(|latest| latest.document))
}

/// Puts stored objects on the queue, all of them or none, and notifies a worker.
///
/// # Errors
/// Redis is out of reach.
pub async fn announce(uploads: &[Uploaded], trace: &Trace) -> Result<(), Failure> {
    let mut change = Change::new();
    for upload in uploads {
        change = change.publishing(upload.encode(trace)?);
    }
    worker::publish(keys::QUEUE, trace, |queue| queue.commit(&change)).await?;
    Ok(())
}

/// Lets a worker make the thumbnails of a photo, unless one was asked a moment ago.
///
/// # Errors
/// Redis is out of reach.
pub async fn want_thumbnails(file: &FileName, life: u32, trace: &Trace) -> Result<(), Failure> {
    let once = Once {
        key: keys::wanted(file, life),
        keep: WANTED,
    };
    let file = file.clone();
    let message = WantThumbnails { file, life }.encode(trace)?;
    worker::publish(keys::THUMBNAILS, trace, |queue| {
        let send = queue.names().send_once(None, once, message);
        queue.commit(&Change::new().with(send))
    })
    .await?;
    Ok(())
}

/// The photos of all users that are under review, the latest announced first.
///
/// # Errors
/// A store is out of reach, or holds a document that cannot be read.
pub fn under_review(
    redis: &impl Redis,
    store: &impl KeyValue,
    after: Option<&Place>,
    limit: u32,
) -> Result<Page<ImageRecord>, Failure> {
    let slice = Slice {
        index: keys::UNDER_REVIEW,
        scores: (0, u64::MAX),
        after,
        limit,
    };
    let key = |file: &str| Some(keys::entity(&file.parse::<FileName>().ok()?).key);
    records::list(redis, store, slice, key, |record: &ImageRecord| {
        record.status == Status::UnderReview
    })
}

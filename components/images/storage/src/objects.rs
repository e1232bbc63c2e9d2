//! A photo's objects.

use base::{Failure, Trace};
use futures::future::join;
use images_domain::ImageRecord;
use objects::{Error, Objects};

/// The object store; requests carry these ids.
///
/// # Errors
/// Those of [`Objects::from_variables`].
pub fn objects(trace: &Trace) -> Result<Objects, Failure> {
    Ok(Objects::from_variables("images_bucket_name")?.with_headers(trace.headers()))
}

/// Removes a photo's objects from the object store, both inbox and verified content.
///
/// # Errors
/// Those of the store. A missing object is no error.
pub async fn discard(objects: &Objects, record: &ImageRecord) -> Result<(), Error> {
    let (place, inbox) = (record.place(), &record.file_name);
    let (photo, upload) = join(objects.delete(&place), objects.delete(inbox)).await;
    photo.and(upload)
}

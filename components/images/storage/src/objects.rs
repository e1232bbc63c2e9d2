//! A photo's objects.

use futures::future::join;
use images_domain::ImageRecord;
use objects::{Error, Objects};

/// Removes a photo from the object store, wherever in it it is.
///
/// # Errors
/// Those of the store. Removing it again is no error.
pub async fn discard(objects: &Objects, record: &ImageRecord) -> Result<(), Error> {
    let (place, inbox) = (record.place(), &record.file_name);
    let (photo, upload) = join(objects.delete(&place), objects.delete(inbox)).await;
    photo.and(upload)
}

//! A photo's objects.

use images_domain::ImageRecord;
use objects::{Error, Objects};

/// Removes a photo from the object store, wherever in it it is.
///
/// # Errors
/// Those of the store. Removing it again is no error.
pub async fn discard(objects: &Objects, record: &ImageRecord) -> Result<(), Error> {
    objects.delete(&record.place()).await?;
    objects.delete(&record.file_name).await
}

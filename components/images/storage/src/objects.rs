//! A photo's objects.

use std::fmt::Display;

use base::{Failure, Trace};
use futures::future::{join, join_all};
use images_domain::{ImageRecord, Size, keys};
use objects::{Error, Objects};

/// The object store; requests carry these ids.
///
/// # Errors
/// Those of [`Objects::from_variables`].
pub async fn objects(trace: &Trace) -> Result<Objects, Failure> {
    let objects = Objects::from_variables("images_bucket_name").await?;
    Ok(objects.traced(trace))
}

/// Removes a photo's objects from the object store: inbox, verified content and thumbnails.
///
/// # Errors
/// Those of the store. A missing object is no error.
pub async fn discard(objects: &Objects, record: &ImageRecord) -> Result<(), Error> {
    let (file, life) = (&record.file_name, record.life);
    let (upload, photo) = join(objects.delete(file), discard_life(objects, file, life)).await;
    upload.and(photo)
}

/// Removes the verified content and the thumbnails of one life of a photo.
///
/// # Errors
/// Those of the store. A missing object is no error.
pub async fn discard_life(objects: &Objects, file: &impl Display, life: u32) -> Result<(), Error> {
    let place = keys::verified(file, life);
    let thumbnails = discard_thumbnails(objects, file, life);
    let (photo, thumbnails) = join(objects.delete(&place), thumbnails).await;
    photo.and(thumbnails)
}

/// Removes the thumbnails of one life of a photo.
///
/// # Errors
/// Those of the store. A missing object is no error.
pub async fn discard_thumbnails(
    objects: &Objects,
    file: &impl Display,
    life: u32,
) -> Result<(), Error> {
    let thumbnails = Size::ALL.map(|size| keys::thumbnail(file, life, size));
    let removals = thumbnails.iter().map(|key| objects.delete(key));
    join_all(removals).await.into_iter().collect()
}

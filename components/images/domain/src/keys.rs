//! The keys of everything that the images system stores.
//!
//! | where | key | holds |
//! |---|---|---|
//! | key-value | `images:{file}`, `images:{file}:v:{n}` | the record and its versions |
//! | key-value | `images:labels:{hash}.{ext}` | the labels of an image's content |
//! | Redis | `{images}:version:{file}` | the version of the record |
//! | Redis | `{images}:index:{user}:all` | a user's photos |
//! | Redis | `{images}:index:{user}:analyzed` | those whose labels are known |
//! | Redis | `{images}:index:{user}:{post_id,trip_id,location_id}:{id}` | those of a group |
//! | Redis | `{images}:index:{user}:label:{name}` | those with a label, by confidence |
//! | Redis | `{images}:index:under_review` | the photos of all users that are under review, by the time of their first announcement in ms |
//! | Redis | `{images}:queue:*` | the queue (crate `queue`) |
//! | object store | `{file}` | the inbox: an upload that is not handled yet |
//! | object store | `verified/{file}` | the photo, once its content was verified |
//! | object store | `verified/{life}/{file}` | the same, once it was removed and came back |
//! | object store | `verified/thumbnails/{size}/{life}/{file}.jpg` | a thumbnail |
//! | Redis | `{images}:thumbnails:{life}:{file}` | its thumbnails are wanted, for a minute |
//!
//! In Redis, `{images}` is the hash tag that keeps them on one node.

use std::fmt::Display;

use records::Entity;

use crate::{FileName, Grouping, Size, UserId};

/// The queue of the system.
pub const QUEUE: &str = "images";

/// The queue of wanted thumbnails.
pub const THUMBNAILS: &str = "images.thumbnails";

/// The entity of a photo's record, by the photo's name.
pub fn entity(file: &impl Display) -> Entity {
    Entity {
        key: format!("images:{file}"),
        register: format!("{{images}}:version:{file}"),
    }
}

/// The labels of an image's content, in the key-value store.
pub fn labels(file: &FileName) -> String {
    format!("images:labels:{}", file.image())
}

/// The photos of a user, or those of one group.
pub fn group(user: &UserId, grouping: Option<Grouping>) -> String {
    match grouping {
        None => format!("{{images}}:index:{user}:all"),
        Some(grouping) => format!(
            "{{images}}:index:{user}:{}:{}",
            grouping.name(),
            grouping.id()
        ),
    }
}

/// The photos of all users that are under review.
pub const UNDER_REVIEW: &str = "{images}:index:under_review";

/// The photos of a user whose labels are known.
pub fn analyzed(user: &UserId) -> String {
    format!("{{images}}:index:{user}:analyzed")
}

/// The photos of a user that have a label, scored by confidence.
pub fn label(user: &UserId, name: &str) -> String {
    format!("{{images}}:index:{user}:label:{}", name.to_lowercase())
}

/// The verified content of a photo, in the object store. No upload URL leads there. Each
/// life of a photo has a key of its own, so that a late removal of one life does not
/// touch the next.
pub fn verified(file: &impl Display, life: u32) -> String {
    match life {
        0 => format!("{VERIFIED}{file}"),
        _ => format!("{VERIFIED}{life}/{file}"),
    }
}

/// A thumbnail of a photo, in the object store.
pub fn thumbnail(file: &impl Display, life: u32, size: Size) -> String {
    format!("{VERIFIED}thumbnails/{}/{life}/{file}.jpg", size.side())
}

/// The thumbnails of one life of a photo.
pub fn thumbnails(file: &impl Display, life: u32) -> [String; 2] {
    Size::ALL.map(|size| thumbnail(file, life, size))
}

/// The objects of one life of a photo, once it was verified: its content and its thumbnails.
pub fn contents(file: &impl Display, life: u32) -> Vec<String> {
    let mut keys = vec![verified(file, life)];
    keys.extend(thumbnails(file, life));
    keys
}

/// The key that is set while thumbnails of a photo are wanted.
pub fn wanted(file: &impl Display, life: u32) -> String {
    format!("{{images}}:thumbnails:{life}:{file}")
}

/// Whether a key of the object store is one of [`verified`] or [`thumbnail`].
pub fn is_verified(key: &str) -> bool {
    key.starts_with(VERIFIED)
}

const VERIFIED: &str = "verified/";

//! The stores of the images system: `images-domain` on Redis, key-value store and S3.

mod objects;
mod photos;
mod search;
mod timers;
mod user_ids;

pub use objects::{discard, discard_life, discard_thumbnails, objects};
pub use photos::{announce, change, edit, existing, load, under_review, want_thumbnails};
pub use search::search;
pub use timers::{expire_later, expires_later, finish_removal_later};
pub use user_ids::user_ids;
